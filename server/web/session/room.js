// The room as seen so far, and how far its log was seen over all connections (docs/PROTOCOL.md,
// "The room log", "Coming back"). Owns the order in which snapshots and events may come.

import { U64_MAX, Violation } from '../protocol.js';

const MEMBERS_MAX = 250_000;
const ITEMS_MAX = 1000;
const HISTORY_ALL = 0xffffffff;
const require = (holds, what) => { if (!holds) throw new Violation(what); };
/** Members, shelf and topic after the latest event. */
export class Room {
  members = new Set();
  /** By number, oldest first. */
  shelf = new Map();
  topic = null;
  /** The newest event that the last snapshot holds. */
  snapshotSeq = 0n;
  #expected = 'welcome'; #next = 0n; #arriving;
  /** All that happened before we came back has been seen: the next event is live. */
  get isCaughtUp() { return this.#expected === 'event' && this.#next > this.snapshotSeq; }
  /** The connection is gone: what is known stays, and only a welcome may come next. */
  lost() { this.#expected = 'welcome'; }
  welcome({ seq, fromSeq }) {
    require(fromSeq > 0n && fromSeq <= seq + 1n && seq < U64_MAX, 'a history that is none');
    [this.snapshotSeq, this.#next, this.#expected] = [seq, fromSeq, 'first'];
  }

  gap({ fromSeq, toSeq }) {
    const isNext = this.#expected === 'event' && this.#next === fromSeq;
    require(isNext && toSeq >= fromSeq && toSeq < U64_MAX, 'a gap where there is none');
    [this.snapshotSeq, this.#next, this.#expected] = [toSeq, toSeq + 1n, 'first'];
  }

  /** Takes one part of a snapshot; true when it is whole. */
  snapshot({ seq, part, shelfTopic, member, shelfItem }) {
    const [isFirst, isLast] = [(part & 1) !== 0, (part & 2) !== 0];
    require(this.#expected === (isFirst ? 'first' : 'further'), 'a snapshot out of place');
    require(seq === this.snapshotSeq, 'a snapshot of another moment');
    require(isFirst || !shelfTopic, 'a topic in a later part of a snapshot');
    const empty = { members: new Set(), shelf: new Map(), topic: shelfTopic ?? null };
    if (isFirst) this.#arriving = empty;
    const { members, shelf } = this.#arriving;
    member.forEach((nick) => members.add(nick));
    shelfItem.forEach((item) => shelf.set(item.item, item));
    this.#checkSize(members, shelf);
    this.#expected = isLast ? 'event' : 'further';
    if (isLast) Object.assign(this, this.#arriving);
    return isLast;
  }

  /** Takes an event in; true if it is live, and then it is applied. */
  event(event) {
    const isNext = this.#expected === 'event' && this.#next === event.seq;
    require(isNext && event.seq < U64_MAX, 'an event out of order');
    this.#next += 1n;
    if (event.seq <= this.snapshotSeq) return false;
    const { frame, nick, to, shelfItem } = event;
    if (frame === 'Left' || frame === 'Renamed') this.members.delete(nick);
    if (frame === 'Joined' || frame === 'Renamed') this.members.add(to ?? nick);
    if (frame === 'TopicChanged') this.topic = event.topic === undefined ? null : event;
    if (frame === 'Shelved') this.shelf.set(shelfItem.item, shelfItem);
    if (frame === 'Dropped') this.shelf.delete(event.item);
    this.#checkSize(this.members, this.shelf);
    return true;
  }

  #checkSize(members, shelf) {
    const fits = members.size <= MEMBERS_MAX && shelf.size <= ITEMS_MAX;
    require(fits, 'a larger room than there can be');
  }
}

export class LogPosition {
  /** The newest event that was taken in: its `seq` and `at`. */
  newest = null;
  // What is shown: all from one event on; what is history, up to the first join; and what was taken
  // in or said to be missed.
  #isWelcomed = false; #wantedFrom = 0n; #historyUntil = 0n; #toldUntil = 0n;
  /** What a `Join` says about it, to show this many lines of history at first. */
  ask(lines) {
    if (this.newest) return { since: this.newest.seq, at: this.newest.at };
    return { history: this.#isWelcomed ? HISTORY_ALL : Math.max(lines, 1) };
  }

  /** What follows a `Welcome`: `null` if exactly what was missed, else what is void or missing. */
  welcome({ seq, fromSeq }, wantsHistory) {
    const isFirst = !this.#isWelcomed;
    this.#isWelcomed = true;
    if (isFirst || (!this.newest && seq < this.#historyUntil)) {
      const from = wantsHistory ? fromSeq : seq + 1n;
      [this.#wantedFrom, this.#toldUntil, this.#historyUntil] = [from, from - 1n, seq];
      return null;
    }
    // Once reported, it is not reported again, even if no event has come since then.
    if (fromSeq <= this.#toldUntil && this.newest && fromSeq <= this.newest.seq) {
      [this.#wantedFrom, this.#toldUntil, this.#historyUntil] = [fromSeq, fromSeq - 1n, 0n];
      return { kind: 'rewound', from: fromSeq };
    }
    const from = this.#toldUntil + 1n;
    this.gap(fromSeq - 1n);
    return from < fromSeq ? { kind: 'missed', from, to: fromSeq - 1n } : null;
  }

  gap(to) { if (to > this.#toldUntil) this.#toldUntil = to; }
  /** Whether we were here: `'live'`, `'away'`, `'history'`, or `null` for what is not shown. */
  event({ seq, at }, snapshotSeq) {
    this.newest = { seq, at };
    this.gap(seq);
    if (seq > snapshotSeq) return 'live';
    if (seq < this.#wantedFrom) return null;
    return seq <= this.#historyUntil ? 'history' : 'away';
  }
}
