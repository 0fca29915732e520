// What covers the talk for a while: the panel on a narrow screen, and the menu.

import { $ } from './dom.js';

// As in style.css: the panel covers the talk.
const isNarrow = matchMedia('(max-width: 900px)');
const isPanelOpen = () => document.body.classList.contains('panel');
/** Opens or closes the panel. What it covers cannot be reached. */
export function showPanel(isOpen) {
  document.body.classList.toggle('panel', isOpen);
  $('panel').setAttribute('aria-expanded', isOpen);
  for (const part of [$('talk'), $('composer')]) part.inert = isOpen && isNarrow.matches;
}

export function listenToOverlays() {
  $('panel').onclick = () => showPanel(!isPanelOpen());
  isNarrow.onchange = () => showPanel(isPanelOpen());
  addEventListener('pointerdown', ({ target }) => {
    if (!$('menu').contains(target)) $('menu').open = false;
  });
  addEventListener('keydown', ({ key, isComposing }) => {
    const isMenu = $('menu').open;
    if (key !== 'Escape' || isComposing || !(isMenu || isPanelOpen())) return;
    if (isMenu) $('menu').open = false;
    else showPanel(false);
    (isMenu ? $('menu').querySelector('summary') : $('panel')).focus();
  });
}
