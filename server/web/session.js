// One membership of the room, as a state machine that outlives its connections (docs/PROTOCOL.md).
// Touches no socket, file or clock: bytes come in through `receive`, bytes to send are taken with
// `takeOutput` and events with `takeEvents`, and each call is given the time in milliseconds.

import {
  ACTION, CAPABILITY_OPERATORS, CAPABILITY_PASSWORDS, CODE, Deframer, FRAMES, MAGIC, PASSING,
  Violation, decode, encode,
} from './protocol.js';
import { Heartbeat } from './session/heartbeat.js';
import { Pending } from './session/pending.js';
import { LogPosition, Room } from './session/room.js';
import { Uploads } from './session/uploads.js';

const VERSION = 1;
// The longest that the first wait between attempts can be, and any of them.
const FIRST_WAIT_MS = 1000;
const WAIT_MS_MAX = 60_000;
// A connection that has lasted that long was good: the next wait counts as a first one again.
const GOOD_AFTER_MS = 10_000;
const TICK_MS = 1000;
const BUSY_TICK_MS = 50;
const OUTPUT_BYTES_MAX = 1024 * 1024;
const BANS_MAX = 10_000;
const CAPABILITIES = CAPABILITY_OPERATORS | CAPABILITY_PASSWORDS;

export class Session {
  /** `offline`, `connecting`, `greeting`, `joining`, `choosing`, `arriving`, `catchingUp`,
   * `joined`, `leaving` or `over`. */
  phase = 'offline';
  room = new Room();
  limits = null;
  resume;
  /** How many attempts to come back have failed since the connection was lost. */
  attempts = -1;
  #config; #now; #events = [];
  #deframer; #output = []; #heartbeat = new Heartbeat(0); #welcome = null;
  #joinedAt = Infinity; #isPasswordAsked = false; #bans = [];
  #isHeld = false; #seen = new LogPosition(); #pending; #retryAt = 0; #waits = 0;
  /** `nick`; `history`, in lines; `random`, as `Math.random`; `randomBytes(count)`; whether it
   * `maySendPassword`; and, as far as there are, `password`, `resume` and `unsent`. */
  constructor(config, now) {
    this.#config = { ...config };
    [this.nick, this.resume] = [config.nick, config.resume];
    this.#now = this.#retryAt = now;
    const first = new DataView(config.randomBytes(8).buffer).getBigUint64(0);
    this.#pending = new Pending(first, config.unsent);
    const newKey = () => config.randomBytes(16);
    const send = (name, values) => this.#send(name, values);
    this.uploads = new Uploads(send, (event) => this.#tell(event), newKey);
  }

  get isJoined() { return this.phase === 'joined' || this.phase === 'catchingUp'; }
  get isOffline() { return this.phase === 'offline' || this.phase === 'connecting'; }
  get isOver() { return this.phase === 'over'; }
  get isLate() { return this.#heartbeat.isLate; }
  get pending() { return this.#pending.entries; }
  get unsent() { return this.#pending.unsent; }
  /** When the next attempt to connect is due, while one is waited for. */
  get retryAt() { return this.phase === 'offline' ? this.#retryAt : null; }
  takeEvents() { return this.#events.splice(0); }
  /** The next frame to send, or `null`; file data comes in frames of at most `dataBytesMax`. */
  takeOutput(dataBytesMax, now) {
    const control = this.#output.shift() ?? null;
    const mayData = !control && dataBytesMax > 0 && this.phase === 'joined';
    const bytes = mayData ? this.uploads.nextData(dataBytesMax) : control;
    if (bytes) this.#heartbeat.sent(now, mayData);
    return bytes;
  }

  #send(name, values) { this.#output.push(encode(name, values)); }
  #tell(event) { this.#events.push(event); }
  wantsConnection(now) { return this.phase === 'offline' && now >= this.#retryAt; }
  connecting() { this.phase = 'connecting'; }
  connected(now) {
    [this.phase, this.#now] = ['greeting', now];
    [this.#deframer, this.#heartbeat] = [new Deframer(), new Heartbeat(now)];
    this.#isPasswordAsked = false;
    const versions = { magic: MAGIC, versionMin: VERSION, versionMax: VERSION };
    this.#send('Hello', { ...versions, capabilities: CAPABILITIES, software: 'chatshelf web' });
    this.#join();
  }

  #join() {
    const { nick, resume } = this;
    const { history, password } = this.#config;
    this.#heartbeat.enters(this.#now, this.#isPasswordAsked);
    const asked = { ...this.#seen.ask(history), ...(this.#isPasswordAsked && { password }) };
    this.#send('Join', { nick, resume, ...asked });
  }

  lost(now) { this.#lose({ kind: 'link' }, now); }

  reconnect(now) {
    if (this.phase === 'offline') this.#retryAt = now;
    else if (this.#isHeld && this.phase !== 'connecting') this.#lose({ kind: 'asked' }, now, true);
  }

  /** The page was asleep: the connection must prove within seconds that it is still alive. */
  wake(now) {
    if (this.phase === 'offline') this.#retryAt = now;
    if (!this.isJoined) return;
    this.#heartbeat.wakes(now);
    this.#ping();
  }

  #ping() {
    this.#send('Ping');
    this.#heartbeat.pinged();
  }

  #lose(why, now, isNow = false) {
    if (this.phase === 'offline' || this.isOver) return;
    if (this.phase === 'leaving') return this.#end({ kind: 'left' });
    if (!this.resume) return this.#end(why);
    if (now - this.#joinedAt >= GOOD_AFTER_MS) this.#waits = 0;
    this.#dropConnection();
    this.phase = 'offline';
    const longest = Math.min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** Math.min(this.#waits++, 16));
    const wait = longest / 2 + this.#config.random() * (longest / 2);
    this.#retryAt = isNow ? now : now + Math.max(wait, why.goodbye?.retryMs ?? 0);
    this.#tell({ kind: 'offline', why, attempts: ++this.attempts });
  }

  #dropConnection() {
    this.uploads.lost();
    this.#pending.lost();
    this.room.lost();
    [this.#output, this.#joinedAt, this.#welcome] = [[], Infinity, null];
  }

  #end(why) {
    if (this.isOver) return;
    this.phase = 'over';
    this.#dropConnection();
    this.uploads.abandon();
    this.#tell({ kind: 'over', why });
  }

  tick(now) {
    this.#now = now;
    this.#proceed();
  }

  // Sends what waits, as far as it may go now, and sees whether the connection is alive.
  #proceed() {
    if (this.isOffline || this.isOver) return;
    if (this.phase === 'joined') {
      for (const frame of this.#pending.send(this.#now)) this.#send(...frame);
      this.uploads.start(this.limits.transfersMax, this.#now);
    }
    const awaited = this.isJoined ? this.#pending.awaited : null;
    const { lose, ping } = this.#heartbeat.look(this.#now, awaited);
    if (lose) this.#lose(lose, this.#now);
    else if (ping) this.#ping();
  }

  /** When `tick` is to be called next: often only while something is on its way. */
  deadline() {
    if (this.isOver || this.phase === 'connecting') return Infinity;
    if (this.phase === 'offline') return Math.min(this.#retryAt, this.#now + TICK_MS);
    const isBusy = this.pending.length > 0 || this.uploads.all.size > 0;
    return this.#now + (isBusy ? BUSY_TICK_MS : TICK_MS);
  }

  /** Another nick, or a password, after `nickRefused` or `password`. */
  rejoin({ nick = this.nick, password = this.#config.password }) {
    if (this.phase !== 'choosing') return;
    [this.phase, this.nick, this.#config.password] = ['joining', nick, password];
    this.#join();
  }

  /** True from the first whole snapshot to the end: commands are carried out, or kept. */
  get takesCommands() { return this.#isHeld && this.phase !== 'leaving' && !this.isOver; }
  get mayModerate() {
    return this.phase === 'joined' && (this.limits.capabilities & CAPABILITY_OPERATORS) !== 0;
  }

  /** `Say`, `Tell`, `Rename`, `SetTopic` or `Drop`, and with `mayModerate` also `Op`, `Moderate` or
   * `BansRequest`; `null` if too much is waiting. */
  ask(name, fields = {}) {
    if (!this.takesCommands || (this.phase !== 'joined' && this.#pending.isFull)) return null;
    const entry = this.#pending.add(name, fields);
    this.#proceed();
    return entry;
  }

  leave() {
    if (this.isOffline || this.phase === 'greeting') return this.#end({ kind: 'left' });
    if (this.isOver) return;
    this.uploads.abandon();
    this.#send('Leave');
    this.phase = 'leaving';
  }

  /** Takes bytes, cut anywhere. A server that breaks the protocol ends the session. */
  receive(bytes, now) {
    if (this.isOffline || this.isOver) return;
    this.#now = now;
    this.#heartbeat.heard(now);
    try {
      for (const raw of this.#deframer.push(bytes)) {
        const frame = decode(raw);
        if (frame) this.#handle(frame);
        if (this.isOffline || this.isOver) return;
      }
      const waiting = this.#output.reduce((bytes, frame) => bytes + frame.length, 0);
      if (waiting > OUTPUT_BYTES_MAX) throw new Violation('it asks and does not read');
      this.#proceed();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      this.#end({ kind: 'violation', what: error.message });
    }
  }

  #handle(frame) {
    const { phase } = this;
    const isEntered = !['greeting', 'joining', 'choosing'].includes(phase);
    const handler = {
      HelloAck: phase === 'greeting' && this.#helloAck,
      Welcome: (phase === 'joining' || (phase === 'leaving' && !this.#welcome)) && this.#welcomed,
      Snapshot: isEntered && this.#snapshot,
      Refused: phase !== 'greeting' && this.#refused,
      Goodbye: this.#goodbye,
      Told: isEntered && this.#told,
      Bans: isEntered && this.#banned,
      Gap: isEntered && this.#gapped,
      UploadReady: isEntered && ((it) => this.uploads.ready(it)),
      UploadStored: isEntered && ((it) => this.uploads.stored(it)),
      Ping: () => this.#send('Pong'),
      Pong: this.#pong,
    }[frame.frame];
    if (handler) handler.call(this, frame);
    else if (isEntered && 'seq' in frame && 'at' in frame) this.#event(frame);
    else throw new Violation(`${frame.frame} may not come now`);
  }

  #helloAck(ack) {
    if (ack.version !== VERSION) throw new Violation('a version that was not offered');
    const rate = (kind) => ack.allowance.find((allowance) => allowance.kind === kind);
    this.#pending.gauges.lines.set(rate(1));
    this.#pending.gauges.changes.set(rate(2));
    this.limits = ack;
    this.#heartbeat.greeted();
    this.phase = 'joining';
  }

  #welcomed(welcome) {
    this.room.welcome(welcome);
    [this.nick, this.resume, this.#welcome] = [welcome.nick, welcome.resume, welcome];
    this.#heartbeat.enters(this.#now);
    if (this.phase === 'joining') this.phase = 'arriving';
  }

  #snapshot(part) {
    if (!this.room.snapshot(part)) return;
    if (this.phase === 'arriving') this.#arrive();
    this.#tell({ kind: 'room' });
    this.#settleIfCaughtUp();
  }

  // The first snapshot on a connection is whole: we are in the room.
  #arrive() {
    const isFirst = !this.#isHeld;
    this.#isHeld = true;
    this.phase = isFirst && !this.pending.length ? 'joined' : 'catchingUp';
    this.#heartbeat.entered();
    [this.attempts, this.#joinedAt] = [-1, this.#now];
    this.#tell({ kind: isFirst ? 'joined' : 'back' });
    const news = this.#seen.welcome(this.#welcome, this.#config.history > 0);
    if (news) this.#tell(news);
    this.#welcome = null;
  }

  #gapped(gap) {
    this.room.gap(gap);
    this.#seen.gap(gap.toSeq);
    this.nick = gap.nick;
    this.#tell({ kind: 'gap', from: gap.fromSeq, to: gap.toSeq });
    if (!this.#pending.gap()) return;
    this.#ping();
    this.#heartbeat.setBarrier();
  }

  // The server has handled everything sent before the last gap once the ping behind it is answered.
  #pong() { if (this.#heartbeat.ponged()) this.#pending.handled(); }
  #event(event) {
    const isLive = this.room.event(event);
    const when = this.#seen.event(event, this.room.snapshotSeq);
    if (isLive) this.#noteLive(event);
    else if (event.frame === 'Said') this.#pending.saidWhileAway(event);
    if (when) this.#tell({ kind: 'event', event, when });
    this.#settleIfCaughtUp();
  }

  // A live event may be the answer to a command of ours.
  #noteLive({ frame, nick, item, messageId, to, action }) {
    if (frame === 'Dropped') this.#pending.answered('Drop', item);
    if (nick !== this.nick) return;
    if (frame === 'Said') this.#pending.receipt('Say', messageId);
    if (frame === 'TopicChanged') this.#pending.answered('SetTopic');
    if (frame === 'Moderated') this.#pending.answered(action === ACTION.OP ? 'Op' : 'Moderate');
    if (frame !== 'Renamed') return;
    this.nick = to;
    this.#pending.answered('Rename');
  }

  #settleIfCaughtUp() {
    if (this.phase !== 'catchingUp' || !this.room.isCaughtUp) return;
    this.phase = 'joined';
    const over = this.#pending.settle(this.nick, this.room);
    over.forEach((entry) => this.#tell({ kind: 'unanswered', entry }));
  }

  #told(told) {
    // `Told` may overtake the `Renamed` that gives us the nick in it.
    const isNew = this.#pending.isRenaming() && !this.room.members.has(told.nick);
    const isOwn = told.nick === this.nick || isNew;
    if (isOwn) this.#pending.receipt('Tell', told.messageId);
    this.#tell({ kind: 'told', told, isOwn });
  }

  #banned({ part, banEntry }) {
    this.#bans = part & 1 ? banEntry : [...this.#bans, ...banEntry];
    if (this.#bans.length > BANS_MAX) throw new Violation('more bans than there can be');
    if (!(part & 2)) return;
    this.#pending.answered('BansRequest');
    this.#tell({ kind: 'bans', bans: this.#bans });
  }

  #refused(refused) {
    if (refused.transfer !== undefined) return this.uploads.refused(refused, this.#now);
    const isOfJoin = this.phase === 'joining' && refused.about === FRAMES.Join.type;
    if (isOfJoin) return this.#joinRefused(refused);
    const { entry, isTakenBack } = this.#pending.refused(refused, this.#now);
    // "Already said" confirms a message as well as its echo does.
    if (isTakenBack || refused.code === CODE.ALREADY_SAID) return;
    this.#tell({ kind: 'refused', refused, entry });
  }

  #joinRefused({ code, suggestion }) {
    const isWrong = code === CODE.PASSWORD_WRONG;
    if (isWrong || code === CODE.PASSWORD_NEEDED) return this.#askPassword(isWrong);
    const { nick } = this;
    if (!this.#isHeld) return this.#choose({ kind: 'nickRefused', nick, code, suggestion });
    // We come back, and somebody has taken our nick meanwhile.
    if (!suggestion) return this.#lose({ kind: 'nick', code }, this.#now);
    this.nick = suggestion;
    this.#tell({ kind: 'nickReplaced', nick, by: suggestion });
    this.#join();
  }

  // A password goes only where nobody else can read it, and never before it was asked for.
  #askPassword(isWrong) {
    if (!this.#config.maySendPassword) return this.#end({ kind: 'passwordUnsafe' });
    const isKnown = this.#config.password !== undefined && !this.#isPasswordAsked && !isWrong;
    this.#isPasswordAsked = true;
    if (isKnown) this.#join();
    else this.#choose({ kind: 'password', isWrong });
  }

  // From now on it is our user's time, as much as the server gives.
  #choose(question) {
    this.phase = 'choosing';
    this.#heartbeat.entered();
    this.#tell(question);
  }

  #goodbye(goodbye) {
    const why = { kind: 'goodbye', goodbye };
    const isPassing = this.phase === 'leaving' || PASSING.includes(goodbye.code);
    if (isPassing) this.#lose(why, this.#now);
    else this.#end(why);
  }
}
