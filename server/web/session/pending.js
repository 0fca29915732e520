// Our own commands until they have certainly arrived, and how fast they may go (docs/PROTOCOL.md,
// "Coming back", "Rates"). Owns their numbers and their order. Messages that a broken connection
// has left in doubt are said again. Knows neither the room nor a clock.

import { FRAMES, encode } from '../protocol.js';

const COMMANDS_MAX = 1000;
const PACED = { Say: 'lines', Tell: 'lines', Rename: 'changes', SetTopic: 'changes' };
// These go over the connection that they were meant for, or not at all: by then the name may be
// somebody else's.
const OF_OPERATORS = ['Op', 'Moderate', 'BansRequest'];

/** A rate, and how much of it is used: so many at once, and so many more in each period. */
class Gauge {
  inFlight = 0;
  #rate = null;
  // When all of it is there again.
  #wholeAt = 0;

  set({ atOnce, refill, periodMs } = {}) {
    this.#rate = atOnce ? { atOnce: Number(atOnce), each: periodMs / Number(refill) } : null;
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

  /** The server accepts the next one after this long. */
  refused(retryMs, now) {
    this.inFlight = Math.max(0, this.inFlight - 1);
    this.#rate ??= { atOnce: 1, each: Math.max(1, retryMs) };
    this.#wholeAt = now + retryMs + (this.#rate.atOnce - 1) * this.#rate.each;
  }
}

/** Whether a command is a message. */
export const isTalk = ({ name }) => name === 'Say' || name === 'Tell';

/** Commands that are not answered. Each has `id`, `name`, `fields` and `state`. */
export class Pending {
  entries = [];
  #next; #turns = 0;
  gauges = { lines: new Gauge(), changes: new Gauge() };

  /** Behind those of `unsent`, as `unsent` of an earlier page gave them. */
  constructor(firstId, unsent = []) {
    this.#next = firstId;
    const restored = ({ id, state, ...entry }) =>
      ({ ...entry, id: BigInt(id), state, repeats: state === 'doubt' });
    this.entries = unsent.map(restored);
  }

  /** Messages that are not answered, as JSON can hold them. */
  get unsent() {
    const wasSent = ({ state, repeats }) => state !== 'waiting' || repeats;
    return this.entries.filter(isTalk).map((entry) =>
      ({ ...entry, id: String(entry.id), state: wasSent(entry) ? 'doubt' : 'waiting' }));
  }

  get isFull() { return this.entries.length >= COMMANDS_MAX; }

  add(name, fields) {
    const id = this.#next;
    this.#next = BigInt.asUintN(64, id + 1n);
    const entry = { id, name, fields, state: 'waiting', repeats: false };
    this.entries.push(entry);
    return entry;
  }

  /** The frames that may go now, in order. */
  send(now) {
    const frames = [];
    for (const [kind, gauge] of Object.entries(this.gauges)) {
      gauge.settle(this.#sent().filter((entry) => PACED[entry.name] === kind).length, now);
    }
    for (const entry of this.entries.filter((entry) => !isSent(entry))) {
      const gauge = this.gauges[PACED[entry.name]];
      if (gauge?.wait(now) > 0) break;
      if (gauge) gauge.inFlight += 1;
      const repeat = entry.repeats || undefined;
      frames.push(encode(entry.name, { ...entry.fields, messageId: entry.id, repeat }));
      Object.assign(entry, { state: 'sent', turn: ++this.#turns });
    }
    return frames;
  }

  /** The command whose answer is due first; one that was sent again counts from then. */
  get awaited() { return this.#sent()[0] ?? null; }
  #sent() { return this.entries.filter(isSent).sort((a, b) => a.turn - b.turn); }

  #remove(entry) { this.entries = this.entries.filter((it) => it !== entry); }

  /** A message of ours has come back. */
  receipt(name, id) {
    this.#remove(this.entries.find((entry) => entry.name === name && entry.id === id));
  }

  /** A message was said before we came back; nobody else knew the text of one in doubt. */
  saidWhileAway({ messageId, text }) {
    const isIt = ({ id, state, name }) => id === messageId && state === 'doubt' && name === 'Say';
    this.#remove(this.entries.find((entry) => isIt(entry) && entry.fields.text === text));
  }

  /** A command of a kind is answered: the first that was sent. */
  answered(name, item) {
    const isIt = (entry) => entry.name === name && (!item || entry.fields.item === item);
    this.#remove(this.#sent().find(isIt));
  }

  isRenaming() { return this.#sent().some((entry) => entry.name === 'Rename'); }

  #meant({ messageId, item, about }) {
    return this.#sent().find((entry) => {
      if (messageId !== undefined && entry.id !== messageId) return false;
      if (messageId === undefined && item !== undefined && entry.fields.item !== item) return false;
      return FRAMES[entry.name].type === about;
    });
  }

  /** A command was refused: which, if that is known, and whether it is sent again by itself. */
  refused(refused, now) {
    const entry = this.#meant(refused);
    const gauge = this.gauges[PACED[entry?.name]];
    const isTakenBack = gauge !== undefined && refused.retryMs !== undefined;
    if (isTakenBack) {
      gauge.refused(refused.retryMs, now);
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

  /** The server has handled all that was sent before the gap. */
  handled() {
    this.entries = this.entries.filter((entry) => entry.state !== 'hidden');
  }

  /** The connection is gone: what was sent over it and not answered is in doubt. */
  lost() {
    const isInDoubt = (entry) => isSent(entry) || OF_OPERATORS.includes(entry.name);
    const doubt = { state: 'doubt', repeats: true };
    this.entries.filter(isInDoubt).forEach((entry) => Object.assign(entry, doubt));
  }

  /** All that happened meanwhile has been seen: drops and returns what can't be said again. */
  settle(nick, room) {
    const inDoubt = this.entries.filter((entry) => entry.state === 'doubt');
    const isTopic = ({ topic }) => topic === room.topic?.topic;
    const over = inDoubt.filter(({ name, fields }) =>
      name !== 'Say' && !(name === 'Drop' && room.shelf.has(fields.item)));
    this.entries = this.entries.filter((entry) => !over.includes(entry));
    const wanted = { Rename: (it) => it.nick === nick, SetTopic: isTopic, Drop: () => true };
    return over.filter(({ name, fields }) => !wanted[name]?.(fields));
  }
}

const isSent = (entry) => entry.state === 'sent' || entry.state === 'hidden';
