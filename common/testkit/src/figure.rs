//! The arrows of a figure in docs/figures, against which tables in the code are held.

use std::collections::BTreeSet;

/// Returns the transitions that a picture of states draws, as `From to To`, except those from a
/// state to itself. An arrow may come from several states.
pub fn transitions(figure: &str) -> BTreeSet<String> {
    let arrows = figure.split("data-from='").skip(1).filter_map(|arrow| {
        let (from, rest) = arrow.split_once("' data-to='")?;
        Some((from, rest.split('\'').next()?))
    });
    let arrows = arrows.flat_map(|(from, to)| from.split(' ').map(move |it| (it, to)));
    arrows.filter(|(from, to)| from != to).map(|(from, to)| format!("{from} to {to}")).collect()
}
