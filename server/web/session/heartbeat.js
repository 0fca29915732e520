// Signs of life on one connection, and whether what we have sent is answered (docs/PROTOCOL.md,
// "Phases and deadlines"). Owns these times; sends nothing.

const KEEPALIVE_MS = 20_000;
const SILENCE_MS_MAX = 150_000;
const GREETING_MS_MAX = 30_000;
const ENTRY_MS_MAX = 60_000;
const ENTRY_WITH_PASSWORD_MS_MAX = 180_000;
const WAKE_MS_MAX = 4000;
// For a server that owes us an answer: the times until we ask it, until we tell our user, and until
// we give it up.
const PROBE_AFTER_MS = 2000;
const LATE_AFTER_MS = 5000;
const UNANSWERED_MS_MAX = 30_000;

export class Heartbeat {
  #heardAt; #sentAt; #dataAt; #isGreeted = false;
  // It is silent, and was asked for a sign of life.
  #isAsked = false; #enterBy = Infinity; #wakeBy = Infinity;
  // Pings sent, pongs that have come, and the ping that is behind all that a gap may hide.
  #pings = 0; #pongs = 0; #barrier = 0;
  // The oldest command without an answer, since when it has waited, and whether we have told our
  // user.
  #awaited = null; #since = 0; #isLate = false;

  constructor(now) { this.#heardAt = this.#sentAt = this.#dataAt = now; }

  heard(now) {
    this.#heardAt = now;
    this.#isAsked = false;
    this.#wakeBy = Infinity;
  }

  /** File data counts as movement: behind it, a command waits for its turn on a slow line. */
  sent(now, isData) {
    this.#sentAt = now;
    if (isData) this.#dataAt = now;
  }

  /** A step towards the room was requested. */
  enters(now, withPassword = false) {
    this.#enterBy = now + (withPassword ? ENTRY_WITH_PASSWORD_MS_MAX : ENTRY_MS_MAX);
  }

  /** The step was made, or our user is asked. */
  entered() { this.#enterBy = Infinity; }
  greeted() { this.#isGreeted = true; }

  /** The page was asleep: the server must be heard within seconds. Until now we did not listen. */
  wakes(now) {
    this.#heardAt = now;
    this.#wakeBy = now + WAKE_MS_MAX;
  }

  pinged() { this.#pings += 1; }

  /** The ping that was just sent is behind all that a gap may hide. */
  setBarrier() { this.#barrier = this.#pings; }

  /** True, once, when that ping is answered. */
  ponged() {
    this.#pongs += 1;
    if (!this.#barrier || this.#pongs < this.#barrier) return false;
    this.#barrier = 0;
    return true;
  }

  /** What is to be done now, with the oldest command that waits for an answer: `ping` the server,
   * or `lose` the connection for a reason; and whether an answer `isLate`. */
  look(now, awaited) {
    if (this.#awaited !== awaited) [this.#awaited, this.#since] = [awaited, now];
    const silence = now - this.#heardAt;
    const quietSince = Math.max(this.#since, this.#heardAt, this.#dataAt);
    const quiet = awaited ? now - quietSince : 0;
    const longest = this.#isGreeted ? SILENCE_MS_MAX : GREETING_MS_MAX;
    if (silence >= longest || quiet >= UNANSWERED_MS_MAX || now >= this.#wakeBy) {
      return { lose: { kind: 'silent', seconds: Math.round(Math.max(silence, quiet) / 1000) } };
    }
    if (now >= this.#enterBy) return { lose: { kind: 'notLetIn' } };
    this.#isLate = awaited !== null && (this.#isLate || now - this.#since >= LATE_AFTER_MS);
    const idleSince = Math.min(this.#heardAt, this.#sentAt);
    const isIdle = this.#isGreeted && now >= idleSince + KEEPALIVE_MS;
    const ping = !this.#isAsked && (isIdle || quiet >= PROBE_AFTER_MS);
    this.#isAsked ||= ping;
    return { ping, isLate: this.#isLate };
  }
}
