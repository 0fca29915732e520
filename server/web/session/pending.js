// Our own commands until they have certainly arrived, and how fast they may go (docs/PROTOCOL.md,
// "Coming back", "Rates"). Owns their numbers and their order. Messages that a broken connection
// has left in doubt are said again. Knows neither the room nor a clock.

import { FRAMES } from '../protocol.js';

const COMMANDS_MAX = 1000;
const PACED = { Say: 'lines', Tell: 'lines', Rename: 'changes', SetTopic: 'changes' };
// These never go over a later connection: by then, a name may be somebody else's.
const OF_OPERATORS = ['Op', 'Moderate', 'BansRequest'];

/** A rate, and how much of it is used: so many at once, and so many more in each period. */
class Gauge {
  // `#wholeAt` is when all of it is there again.
  inFlight = 0; #rate = null; #wholeAt = 0;
  set(rate) {
    const { atOnce, refill, periodMs } = rate ?? {};
    this.#rate = rate ? { atOnce: Number(atOnce), each: periodMs / Number(refill) } : null;
  }

  /** Milliseconds until one more may be sent; Infinity while that depends on an answer. */
  wait(now) {
    if (!this.#rate) return 0;
    const { atOnce, each } = this.#rate;
    if (this.inFlight >= atOnce) return Infinity;
    const used = Math.max(0, this.#wholeAt - now);
    return Math.max(0, Math.ceil(used + (this.inFlight + 1 - atOnce) * each - 1e-6));
  }

  /** A command counts from when it is answered, and until then in addition. */
  settle(inFlight, now) {
    const answered = Math.max(0, this.inFlight - inFlight);
    this.inFlight = inFlight;
    if (this.#rate) this.#wholeAt = Math.max(this.#wholeAt, now) + answered * this.#rate.each;
  }

  refused(retryMs, now) {
    this.inFlight = Math.max(0, this.inFlight - 1);
    this.#rate ??= { atOnce: 1, each: Math.max(1, retryMs) };
    this.#wholeAt = now + retryMs + (this.#rate.atOnce - 1) * this.#rate.each;
  }
}

export const isTalk = ({ name }) => name === 'Say' || name === 'Tell';
const isSent = ({ state }) => state === 'sent' || state === 'hidden';

/** Commands that are not answered. Each has `id`, `name`, `fields` and `state`. */
export class Pending {
  gauges = { lines: new Gauge(), changes: new Gauge() };
  #next; #turns = 0;
  /** Behind those of `unsent`, as `unsent` of an earlier page gave them. */
  constructor(firstId, unsent = []) {
    this.#next = firstId;
    this.entries = unsent.map((entry) =>
      ({ ...entry, id: BigInt(entry.id), repeats: entry.state === 'doubt' }));
  }

  /** Messages that are not answered, as JSON can hold them. */
  get unsent() {
    const isNew = ({ state, repeats }) => state === 'waiting' && !repeats;
    return this.entries.filter(isTalk).map((entry) =>
      ({ ...entry, id: String(entry.id), state: isNew(entry) ? 'waiting' : 'doubt' }));
  }

  /** The command whose answer is due first; one that was sent again counts from then. */
  get awaited() { return this.#sent()[0] ?? null; }
  get isFull() { return this.entries.length >= COMMANDS_MAX; }
  isRenaming() { return this.#sent().some((entry) => entry.name === 'Rename'); }
  #sent() { return this.entries.filter(isSent).sort((a, b) => a.turn - b.turn); }
  #remove(entry) { this.#drop((it) => it === entry); }
  #drop(isOver) { this.entries = this.entries.filter((entry) => !isOver(entry)); }

  add(name, fields) {
    const entry = { id: this.#next, name, fields, state: 'waiting', repeats: false };
    this.#next = BigInt.asUintN(64, this.#next + 1n);
    this.entries.push(entry);
    return entry;
  }

  /** The frames that may go now, in order: their names and fields. */
  *send(now) {
    for (const [kind, gauge] of Object.entries(this.gauges)) {
      gauge.settle(this.#sent().filter((entry) => PACED[entry.name] === kind).length, now);
    }
    for (const entry of this.entries.filter((it) => !isSent(it))) {
      const gauge = this.gauges[PACED[entry.name]];
      if (gauge?.wait(now) > 0) return;
      if (gauge) gauge.inFlight += 1;
      const { id: messageId, name, fields, repeats } = entry;
      Object.assign(entry, { state: 'sent', turn: ++this.#turns });
      yield [name, { ...fields, messageId, repeat: repeats || undefined }];
    }
  }

  receipt(name, id) { this.#drop((entry) => entry.name === name && entry.id === id); }
  /** A message was said before we came back; nobody else knew the text of one in doubt. */
  saidWhileAway({ messageId, text }) {
    this.#drop(({ name, id, state, fields }) =>
      name === 'Say' && id === messageId && state === 'doubt' && fields.text === text);
  }

  answered(name, item) {
    const isIt = (entry) => entry.name === name && (!item || entry.fields.item === item);
    this.#remove(this.#sent().find(isIt));
  }

  /** A command was refused: which, if that is known, and whether it is sent again by itself. */
  refused({ messageId, item, about, retryMs }, now) {
    const isNamed = ({ id, fields }) =>
      messageId === undefined ? item === undefined || fields.item === item : id === messageId;
    const isIt = (entry) => FRAMES[entry.name].type === about && isNamed(entry);
    const entry = this.#sent().find(isIt);
    const gauge = this.gauges[PACED[entry?.name]];
    const isTakenBack = gauge !== undefined && retryMs !== undefined;
    if (isTakenBack) {
      gauge.refused(retryMs, now);
      entry.state = 'waiting';
    } else this.#remove(entry);
    return { entry, isTakenBack };
  }

  /** Events are missing, and receipts may be among them; true if something waits for one. */
  gap() {
    const isHidden = (entry) => entry.state === 'sent' && entry.name !== 'Tell';
    this.entries.filter(isHidden).forEach((entry) => (entry.state = 'hidden'));
    return this.entries.some((entry) => entry.state === 'hidden');
  }

  handled() { this.#drop((entry) => entry.state === 'hidden'); }
  /** The connection is gone: what was sent over it and not answered is in doubt. */
  lost() {
    const lost = this.entries.filter((it) => isSent(it) || OF_OPERATORS.includes(it.name));
    lost.forEach((entry) => Object.assign(entry, { state: 'doubt', repeats: true }));
  }

  /** All that happened meanwhile has been seen: drops and returns what can't be said again. */
  settle(nick, room) {
    const over = this.entries.filter(({ name, state, fields }) => state === 'doubt' &&
      name !== 'Say' && !(name === 'Drop' && room.shelf.has(fields.item)));
    this.#drop((entry) => over.includes(entry));
    const isTopic = ({ topic }) => topic === room.topic?.topic;
    const wanted = { Rename: (it) => it.nick === nick, SetTopic: isTopic, Drop: () => true };
    return over.filter(({ name, fields }) => !wanted[name]?.(fields));
  }
}
