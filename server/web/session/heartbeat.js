// Signs of life on one connection, and whether what we have sent is answered (docs/PROTOCOL.md,
// "Phases and deadlines"). Owns these times; sends nothing.

const KEEPALIVE_MS = 20_000;
const SILENCE_MS_MAX = 150_000;
const GREETING_MS_MAX = 30_000;
const ENTRY_MS_MAX = 60_000;
const ENTRY_WITH_PASSWORD_MS_MAX = 180_000;
const WAKE_MS_MAX = 4000;
// For a server that owes us an answer: until we ask it, tell our user, and give it up.
const PROBE_AFTER_MS = 2000;
const LATE_AFTER_MS = 5000;
const UNANSWERED_MS_MAX = 30_000;

export class Heartbeat {
  /** A command waits for its answer for longer than is usual. */
  isLate = false;
  #heardAt; #sentAt; #dataAt; #isGreeted = false;
  // It is silent, and was asked for a sign of life.
  #isAsked = false; #enterBy = Infinity; #wakeBy = Infinity;
  // Pings without their pongs, and pongs until all that a gap may hide is handled.
  #unanswered = 0; #barrier = 0;
  // The oldest command without an answer, and since when it has waited.
  #awaited = null; #since = 0;
  constructor(now) { this.#heardAt = this.#sentAt = this.#dataAt = now; }
  heard(now) { [this.#heardAt, this.#isAsked, this.#wakeBy] = [now, false, Infinity]; }
  /** File data counts as movement: behind it, a command waits for its turn on a slow line. */
  sent(now, isData) {
    this.#sentAt = now;
    if (isData) this.#dataAt = now;
  }

  greeted() { this.#isGreeted = true; }
  pinged() { this.#unanswered += 1; }
  enters(now, withPassword = false) {
    this.#enterBy = now + (withPassword ? ENTRY_WITH_PASSWORD_MS_MAX : ENTRY_MS_MAX);
  }

  entered() { this.#enterBy = Infinity; }
  /** The page was asleep: the server must be heard within seconds. Until now we did not listen. */
  wakes(now) { [this.#heardAt, this.#wakeBy] = [now, now + WAKE_MS_MAX]; }
  /** The ping that was just sent is behind all that a gap may hide. */
  setBarrier() { this.#barrier = this.#unanswered; }
  /** True, once, when that ping is answered. */
  ponged() {
    this.#unanswered = Math.max(0, this.#unanswered - 1);
    return --this.#barrier === 0;
  }

  /** What is to be done now, with the oldest command that waits for an answer: `ping` the server,
   * or `lose` the connection for a reason. */
  look(now, awaited) {
    if (this.#awaited !== awaited) [this.#awaited, this.#since] = [awaited, now];
    const silence = now - this.#heardAt;
    const quiet = awaited ? now - Math.max(this.#since, this.#heardAt, this.#dataAt) : 0;
    const longest = this.#isGreeted ? SILENCE_MS_MAX : GREETING_MS_MAX;
    const isSilent = silence >= longest || quiet >= UNANSWERED_MS_MAX || now >= this.#wakeBy;
    const seconds = Math.round(Math.max(silence, quiet) / 1000);
    if (isSilent) return { lose: { kind: 'silent', seconds } };
    if (now >= this.#enterBy) return { lose: { kind: 'notLetIn' } };
    this.isLate = awaited !== null && (this.isLate || now - this.#since >= LATE_AFTER_MS);
    const isIdle = this.#isGreeted && now - Math.min(this.#heardAt, this.#sentAt) >= KEEPALIVE_MS;
    const ping = !this.#isAsked && (isIdle || quiet >= PROBE_AFTER_MS);
    this.#isAsked ||= ping;
    return { ping };
  }
}
