// A small server to hold sessions against: it keeps a log, and does what docs/PROTOCOL.md says for
// the frames that tests send. Bytes between it and a session may be cut anywhere.

import { createHash } from 'node:crypto';

import { ACTION, CODE, Deframer, FRAMES, decode, encode } from '../protocol.js';
import { Session } from '../session.js';

const AT = 1795366800000n;
// Stands for BLAKE3, of which sessions only pass on what the file reader has computed.
export const digestOf = (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest());

export const HELLO_ACK = {
  version: 1, fileBytesMax: 1000n, shelfItemsMax: 5, transfersMax: 2, historyMax: 1000,
};
const RESUME = new Uint8Array(24).fill(7);

export class Server {
  log = [];
  members = new Set();
  shelf = [];
  bans = [];
  topic;
  kept = new Map();
  stored = new Map();
  ack = HELLO_ACK;
  password;
  // How many bytes it keeps of an upload that breaks.
  keptBytesMax = Infinity;
  #nextItem = 1n;

  event(name, fields) {
    const event = { seq: BigInt(this.log.length + 1), at: AT + BigInt(this.log.length), ...fields };
    this.log.push({ name, event, bytes: encode(name, event) });
    return event;
  }

  /** A connection: takes bytes from the client, and gives those to it. */
  connect() {
    return new Connection(this);
  }

  put(name, bytes, nick) {
    const item = { item: this.#nextItem++, name, size: BigInt(bytes.length), nick, at: AT };
    this.shelf.push({ ...item, digest: digestOf(bytes) });
    this.event('Shelved', { shelfItem: this.shelf.at(-1) });
    return item.item;
  }
}

class Connection {
  /** Bytes for the client that it has not taken. */
  output = [];
  nick = null;
  #server;
  #deframer = new Deframer();
  #sent = 0;
  #uploads = new Map();

  constructor(server) {
    this.#server = server;
  }

  send(name, fields) {
    this.output.push(...encode(name, fields));
  }

  receive(bytes) {
    for (const raw of this.#deframer.push(bytes)) {
      if (raw.type === 0x20) this.#data(raw.value);
      else this.#handle(decode(raw));
    }
    this.flush();
  }

  /** Events that are due. */
  flush() {
    if (this.nick === null) return;
    const { log } = this.#server;
    while (this.#sent < log.length) this.output.push(...log[this.#sent++].bytes);
  }

  #handle({ frame, ...fields }) {
    const server = this.#server;
    const { nick } = this;
    if (frame === 'Hello') this.send('HelloAck', server.ack);
    else if (frame === 'Join') this.#join(fields);
    else if (frame === 'Ping') this.send('Pong');
    else if (frame === 'Say') this.#say(fields);
    else if (frame === 'Tell') this.send('Told', { ...fields, at: AT, nick });
    else if (frame === 'SetTopic') server.event('TopicChanged', { nick, topic: fields.topic });
    else if (frame === 'Rename') {
      server.event('Renamed', { nick, to: fields.nick });
      server.members.delete(nick);
      server.members.add((this.nick = fields.nick));
    } else if (frame === 'Drop') {
      const { name } = server.shelf.find(({ item }) => item === fields.item);
      server.shelf = server.shelf.filter(({ item }) => item !== fields.item);
      server.event('Dropped', { item: fields.item, name, nick });
    } else if (frame === 'Op') server.event('Moderated', { nick, action: ACTION.OP });
    else if (frame === 'Moderate') this.#moderate(fields);
    else if (frame === 'BansRequest') {
      this.send('Bans', { part: 1, banEntry: server.bans });
      this.send('Bans', { part: 2, banEntry: [] });
    } else if (frame === 'UploadOffer') this.#offer(fields);
    else if (frame === 'UploadDone') this.#done(fields);
    else if (frame === 'Cancel') this.#cancel(fields);
    else if (frame === 'Leave') {
      server.members.delete(nick);
      server.event('Left', { nick, code: CODE.LEFT });
      this.flush();
      this.send('Goodbye', { code: CODE.LEFT });
    }
  }

  #join({ nick, since, resume, history = 50, password }) {
    const server = this.#server;
    const refuse = (code) => this.send('Refused', { code, about: FRAMES.Join.type });
    const isBack = resume && server.members.has(nick);
    if (server.password && !isBack && password === undefined) return refuse(CODE.PASSWORD_NEEDED);
    if (server.password && !isBack && password !== server.password) {
      return refuse(CODE.PASSWORD_WRONG);
    }
    if (!isBack && server.members.has(nick)) {
      const about = FRAMES.Join.type;
      this.send('Refused', { code: CODE.NICK_TAKEN, about, suggestion: `${nick}2` });
      return;
    }
    if (!isBack) server.event('Joined', { nick });
    server.members.add(nick);
    this.nick = nick;
    const seq = BigInt(server.log.length);
    const said = server.log.filter(({ name }) => name === 'Said').slice(-history);
    const from = said.length < history ? 1n : said[0]?.event.seq;
    const fromSeq = since !== undefined ? since + 1n : history ? from : seq + 1n;
    this.send('Welcome', { nick, seq, fromSeq, resume: RESUME });
    const parts = [[...server.members], []];
    this.send('Snapshot', { seq, part: 1, member: parts[0], shelfTopic: server.topic });
    this.send('Snapshot', { seq, part: 2, shelfItem: server.shelf });
    this.#sent = Number(fromSeq) - 1;
  }

  #say({ messageId, text, style, repeat }) {
    const { log } = this.#server;
    const isSaid = log.some(({ event }) => event.messageId === messageId && event.text === text);
    if (repeat && isSaid) {
      const about = FRAMES.Say.type;
      this.send('Refused', { code: CODE.ALREADY_SAID, about, messageId });
    } else this.#server.event('Said', { nick: this.nick, messageId, text, style });
  }

  #moderate({ action, to, line }) {
    const said = this.#server.log.find(({ event }) => event.seq === line && event.text);
    if (action === ACTION.REDACT && !said) {
      const about = FRAMES.Moderate.type;
      return this.send('Refused', { code: CODE.LINE_UNKNOWN, about });
    }
    if (said) {
      said.event.text = '[redacted]';
      said.bytes = encode(said.name, said.event);
    }
    if (action === ACTION.BAN) this.#server.bans.push({ ban: 1n, to, nick: this.nick, at: AT });
    this.#server.event('Moderated', { nick: this.nick, action, to, line });
  }

  #offer({ transfer, name, size, uploadKey }) {
    const key = String(uploadKey);
    const { kept, stored } = this.#server;
    if (stored.has(key)) return this.send('UploadStored', { transfer, item: stored.get(key) });
    const bytes = kept.get(key) ?? [];
    this.#uploads.set(transfer, { key, name, size: Number(size), bytes });
    const digest = bytes.length ? digestOf(Uint8Array.from(bytes)) : undefined;
    this.send('UploadReady', { transfer, offset: BigInt(bytes.length), digest });
  }

  #data(value) {
    const view = new DataView(value.buffer, value.byteOffset);
    const upload = this.#uploads.get(view.getUint32(0));
    if (!upload) return;
    if (Number(view.getBigUint64(4)) !== upload.bytes.length) throw new Error('another offset');
    upload.bytes = [...upload.bytes, ...value.subarray(12)];
    this.#server.kept.set(upload.key, upload.bytes.slice(0, this.#server.keptBytesMax));
  }

  #done({ transfer, digest }) {
    const { key, name, size, bytes } = this.#uploads.get(transfer);
    const content = Uint8Array.from(bytes);
    const isWhole = bytes.length === size && String(digestOf(content)) === String(digest);
    this.#server.kept.delete(key);
    if (!isWhole) {
      const about = FRAMES.UploadOffer.type;
      return this.send('Refused', { code: CODE.DIGEST_MISMATCH, about, transfer });
    }
    const item = this.#server.put(name, content, this.nick);
    this.#server.stored.set(key, item);
    this.send('UploadStored', { transfer, item });
  }

  #cancel({ transfer }) {
    this.#server.kept.delete(this.#uploads.get(transfer)?.key);
    this.#uploads.delete(transfer);
    this.send('Refused', { code: CODE.CANCELLED, about: FRAMES.Cancel.type, transfer });
  }
}

/** A session, its clock, its files, and the connection it has. */
export class Client {
  now = 0;
  events = [];
  connection = null;
  files = new Map();
  /** Bytes that were sent over all connections. */
  sentBytes = 0;
  #server;
  static #count = 0;
  #random = ++Client.#count;

  constructor(server, config = {}) {
    this.#server = server;
    const randomBytes = (count) => Uint8Array.from({ length: count }, () => this.random() * 256);
    const random = () => this.random();
    const asked = { nick: 'ada', history: 1000, maySendPassword: true };
    this.session = new Session({ ...asked, random, randomBytes, ...config }, 0);
  }

  random() {
    this.#random = (Math.imul(this.#random, 1103515245) + 12345) >>> 0;
    return this.#random / 2 ** 32;
  }

  connect() {
    this.pass(Math.max(0, (this.session.retryAt ?? this.now) - this.now));
    this.session.connecting();
    this.connection = this.#server.connect();
    this.session.connected(this.now);
    return this;
  }

  /** Exchanges bytes until there are none left, at most so many in each direction. */
  exchange({ up = Infinity, down = Infinity, step = Infinity } = {}) {
    for (let moved = true; moved && this.connection; ) {
      moved = false;
      this.session.tick(this.now);
      const output = this.session.takeOutput(65536, this.now);
      if (output) {
        moved = true;
        const part = output.subarray(0, up);
        up -= part.length;
        this.sentBytes += part.length;
        this.connection.receive(part);
      }
      this.connection.flush();
      const input = this.connection.output.splice(0, Math.min(step, down));
      down -= input.length;
      moved ||= input.length > 0;
      if (input.length) this.session.receive(Uint8Array.from(input), this.now);
      moved = this.#read() || moved;
      this.events.push(...this.session.takeEvents());
      if (this.session.isOffline || this.session.phase === 'over') this.connection = null;
    }
    return this;
  }

  // Files, as the worker reads them.
  #read() {
    const requests = this.session.uploads.requests.splice(0);
    for (const { kind, id, run, offset, digest, length } of requests) {
      const file = this.files.get(id);
      if (kind === 'end') continue;
      const atEnd = () => (file.at === file.bytes.length ? digestOf(file.bytes) : undefined);
      if (kind === 'begin') {
        file.at = offset;
        const own = digestOf(file.bytes.subarray(0, offset));
        const isSame = !digest || String(own) === String(digest);
        const answer = isSame ? { kind: 'begun', digest: atEnd() } : { kind: 'differs' };
        this.session.uploads.reply({ id, run, ...answer });
      } else {
        const bytes = file.bytes.slice(file.at, (file.at += length));
        this.session.uploads.reply({ kind: 'block', id, run, bytes, digest: atEnd() });
      }
    }
    return requests.length > 0;
  }

  upload(name, bytes, key) {
    const upload = this.session.uploads.add(name, bytes.length, 0, key);
    this.files.set(upload.id, { bytes, at: 0 });
    this.session.tick(this.now);
    return upload;
  }

  cut() {
    this.connection = null;
    this.session.lost(this.now);
    this.events.push(...this.session.takeEvents());
    return this;
  }

  pass(ms) {
    this.now += ms;
    this.session.tick(this.now);
    return this;
  }

  /** Connects, and does all there is to do. */
  enter() {
    return this.connect().exchange();
  }

  seqs(when) {
    const shown = this.events.filter((it) => it.kind === 'event' && (!when || it.when === when));
    return shown.map(({ event }) => Number(event.seq));
  }

  told(kind) {
    return this.events.filter((event) => event.kind === kind);
  }
}
