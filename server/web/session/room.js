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
  #expected = 'welcome'; #next = 0n; #arriving = null;

  /** All that happened before we came back has been seen: the next event is live. */
  get isCaughtUp() { return this.#expected === 'event' && this.#next > this.snapshotSeq; }

  /** The connection is gone: what is known stays, and only a welcome may come next. */
  lost() { [this.#expected, this.#arriving] = ['welcome', null]; }

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
    const isFirst = (part & 1) !== 0;
    require(this.#expected === (isFirst ? 'first' : 'further'), 'a snapshot out of place');
    require(seq === this.snapshotSeq, 'a snapshot of another moment');
    require(isFirst || !shelfTopic, 'a topic in a later part of a snapshot');
    if (isFirst) {
      this.#arriving = { members: new Set(), shelf: new Map(), topic: shelfTopic ?? null };
    }
    const { members, shelf } = this.#arriving;
    member.forEach((nick) => members.add(nick));
    shelfItem.forEach((item) => shelf.set(item.item, item));
    this.#checkSize(members, shelf);
    this.#expected = part & 2 ? 'event' : 'further';
    if (!(part & 2)) return false;
    Object.assign(this, this.#arriving);
    this.#arriving = null;
    return true;
  }

  /** Takes an event in; true if it is live, and then it is applied. */
  event(event) {
    const isNext = this.#expected === 'event' && this.#next === event.seq;
    require(isNext && event.seq < U64_MAX, 'an event out of order');
    this.#next += 1n;
    const isLive = event.seq > this.snapshotSeq;
    if (isLive) this.#apply(event);
    return isLive;
  }

  #apply(event) {
    const { frame, nick, to, shelfItem } = event;
    if (frame === 'Left' || frame === 'Renamed') this.members.delete(nick);
    if (frame === 'Joined' || frame === 'Renamed') this.members.add(to ?? nick);
    if (frame === 'TopicChanged') this.topic = event.topic === undefined ? null : event;
    if (frame === 'Shelved') this.shelf.set(shelfItem.item, shelfItem);
    if (frame === 'Dropped') this.shelf.delete(event.item);
    this.#checkSize(this.members, this.shelf);
  }

  #checkSize(members, shelf) {
    const fits = members.size <= MEMBERS_MAX && shelf.size <= ITEMS_MAX;
    require(fits, 'a larger room than there can be');
  }
}

/** The place in the log that was reached. */
export class LogPosition {
  /** The newest event that was taken in: its `seq` and `at`. */
  newest = null;
  #isWelcomed = false;
  // Every event up to this one was taken in, was said to be missed, or was not wanted.
  #toldUntil = 0n;
  // Events before this one are not shown: more history than was wanted.
  #wantedFrom = 0n;
  // Events up to this one are from before the first join.
  #historyUntil = 0n;

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
      this.#wantedFrom = wantsHistory ? fromSeq : seq + 1n;
      this.#toldUntil = this.#wantedFrom - 1n;
      this.#historyUntil = seq;
      return null;
    }
    // Once reported, it is not reported again, even if no event has come since then.
    if (fromSeq <= this.#toldUntil && this.newest && fromSeq <= this.newest.seq) {
      this.#wantedFrom = fromSeq;
      this.#toldUntil = fromSeq - 1n;
      this.#historyUntil = 0n;
      return { kind: 'rewound', from: fromSeq };
    }
    const from = this.#toldUntil + 1n;
    if (fromSeq <= from) return null;
    this.#toldUntil = fromSeq - 1n;
    return { kind: 'missed', from, to: this.#toldUntil };
  }

  event({ seq, at }) {
    this.newest = { seq, at };
    if (seq > this.#toldUntil) this.#toldUntil = seq;
  }

  gap(to) { if (to > this.#toldUntil) this.#toldUntil = to; }

  /** Whether we were here: `'live'`, `'away'`, `'history'`, or `null` for what is not shown. */
  when(seq, snapshotSeq) {
    if (seq > snapshotSeq) return 'live';
    if (seq < this.#wantedFrom) return null;
    return seq <= this.#historyUntil ? 'history' : 'away';
  }
}
