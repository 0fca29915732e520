//! Recovery: puts the events of all segments into the one order that they must have.

use chatshelf_common::id::Seq;
use chatshelf_common::wire::Event;
use chatshelf_common::wire::frame::TopicChanged;

use super::record::Record;

/// The recovered events by ascending seq; some may be missing in between.
#[derive(Debug, Default)]
pub(super) struct Recovery {
    events: Vec<Event>,
    /// The changes of the topic, by ascending seq.
    topics: Vec<TopicChanged>,
}

impl Recovery {
    /// The newest event's seq; 0 if there is none.
    pub(super) fn last(&self) -> Seq {
        self.events.last().map_or(Seq(0), Event::seq)
    }

    /// Adds the next record in the order of writing.
    pub(super) fn add(&mut self, record: Record) {
        match record {
            Record::Event(event) => self.add_event(event),
            Record::Topic(topic) => self.add_topic(topic),
        }
    }

    /// Adds a topic. If one with the same or a later seq came before, the server that wrote this
    /// one had not found that at its startup, so this one counts.
    fn add_topic(&mut self, topic: TopicChanged) {
        while self.topics.pop_if(|other| other.seq >= topic.seq).is_some() {}
        self.topics.push(topic);
    }

    /// Adds an event. If earlier ones have its number or a higher one, a server had not found them
    /// at its startup, and the room continued without them, so this one counts.
    fn add_event(&mut self, event: Event) {
        let before = self.events.partition_point(|earlier| earlier.seq() < event.seq());
        if before < self.events.len() {
            let (from, to) = (event.seq(), self.last());
            log::warn!("events {from} to {to} were written twice; the later ones count");
            self.events.truncate(before);
        }
        while self.topics.pop_if(|topic| topic.seq >= event.seq()).is_some() {}
        if let Event::TopicChanged(topic) = &event {
            self.topics.push(topic.clone());
        }
        self.events.push(event);
    }

    /// The newest change of the topic that is not among the lost events at the end.
    pub(super) fn topic(&self) -> Option<TopicChanged> {
        self.topics.iter().rfind(|topic| topic.seq <= self.last()).cloned()
    }

    /// All events after the last hole of more than `hole_max` events, which would be too large to
    /// fill.
    pub(super) fn into_events(mut self, hole_max: u64) -> Vec<Event> {
        let mut first = 0;
        for (index, pair) in self.events.windows(2).enumerate() {
            let missing = pair[1].seq().0 - pair[0].seq().0 - 1;
            if missing > 0 {
                let (from, to) = (pair[0].seq().next(), pair[1].seq().0 - 1);
                log::warn!("events {from} to {to} are missing");
            }
            if missing > hole_max {
                first = index + 1;
            }
        }
        if first > 0 {
            log::warn!("the log begins after them, at event {}", self.events[first].seq());
        }
        self.events.drain(..first);
        self.events
    }
}
