// The protocol's frames (docs/PROTOCOL.md): bytes to objects and back, by tables that have the
// page's own rows. Owns the limits that a hostile server meets. Knows no connection and no state.

export const FRAME_BYTES_MAX = 16384;
export const DATA_BYTES_MAX = 65536;
export const MESSAGE_BYTES_MAX = 8192;
export const U64_MAX = 2n ** 64n - 1n;
const HEADER_BYTES = 6;
const DATA_HEAD_BYTES = 12;
const SKIP = 1;
const DATA = 0x20;

// Number, name and kind of each tag.
const TAG_ROWS = `
1 MAGIC b4|2 VERSION_MIN u16|3 VERSION_MAX u16|4 VERSION u16|5 CAPABILITIES u32|6 SOFTWARE note
7 NICK nick|8 HISTORY u32|9 SEQ u64|10 AT u64|11 MESSAGE_ID u64|12 TEXT message|13 STYLE u8
14 TO nick|15 TOPIC topic|16 TRANSFER u32|17 NAME file|18 SIZE u64|19 DIGEST b32|20 ITEM u64
21 OFFSET u64|22 CODE u16|23 LIMIT u64|24 DETAIL note|25 ABOUT u8|26 SUGGESTION nick
27 FROM_SEQ u64|28 TO_SEQ u64|29 PART part|30 MEMBER nick|31 SHELF_ITEM list|32 SHELF_TOPIC list
33 FILE_BYTES_MAX u64|34 SHELF_ITEMS_MAX u32|35 TRANSFERS_MAX u32|36 HISTORY_MAX u32|37 SINCE u64
38 RESUME b24|39 REPEAT mark|40 UPLOAD_KEY b16|41 MODE mode|42 MODIFIED u64|43 QUIET mark
44 FIGURE b10|45 ALLOWANCE allowance|46 DEADLINE b6|47 RETRY_MS u32
48 PASSWORD password|57 LINK_TOKEN b16`;

// Type, name and fields of each frame; those that came after the version was frozen have a +.
const FRAME_ROWS = `
01 Hello MAGIC VERSION_MIN VERSION_MAX CAPABILITIES? SOFTWARE?
02 Join NICK HISTORY? SINCE? AT? RESUME? QUIET? PASSWORD?
03 Say MESSAGE_ID TEXT STYLE? REPEAT?
04 Tell MESSAGE_ID TO TEXT|05 Rename NICK
06 SetTopic TOPIC?|07 Leave|08+ StatsRequest
10 UploadOffer TRANSFER NAME SIZE UPLOAD_KEY? MODE? MODIFIED?
11 UploadDone TRANSFER DIGEST
12 DownloadRequest TRANSFER ITEM OFFSET?|13 Cancel TRANSFER|14 Drop ITEM UPLOAD_KEY?
30 Ping|31 Pong
81 HelloAck VERSION CAPABILITIES? SOFTWARE? FILE_BYTES_MAX SHELF_ITEMS_MAX TRANSFERS_MAX${' '}\
HISTORY_MAX ALLOWANCE* DEADLINE*
82 Welcome NICK SEQ FROM_SEQ RESUME
83 Snapshot SEQ PART SHELF_TOPIC? MEMBER* SHELF_ITEM*
84 Refused CODE ABOUT LIMIT? MESSAGE_ID? TRANSFER? ITEM? SUGGESTION? RETRY_MS? DETAIL?
85 Goodbye CODE LIMIT? VERSION_MIN? VERSION_MAX? RETRY_MS? DETAIL?
86 Told AT NICK TO MESSAGE_ID TEXT
87 Gap FROM_SEQ TO_SEQ NICK|88+ Stats FIGURE*
90 UploadReady TRANSFER OFFSET DIGEST?|91 UploadStored TRANSFER ITEM
92 DownloadReady TRANSFER OFFSET SHELF_ITEM
C0 Said SEQ AT NICK MESSAGE_ID TEXT STYLE?
C1 Joined SEQ AT NICK QUIET?|C2 Left SEQ AT NICK CODE QUIET?
C3 Renamed SEQ AT NICK TO|C4 TopicChanged SEQ AT NICK TOPIC?
C5 Shelved SEQ AT SHELF_ITEM|C6 Dropped SEQ AT ITEM NAME NICK?|C7 Forgotten SEQ AT`;

const LISTS = {
  SHELF_ITEM: 'ITEM NAME SIZE DIGEST NICK AT MODE? MODIFIED? LINK_TOKEN?',
  SHELF_TOPIC: 'TOPIC NICK AT',
};

// Reasons, as `Refused`, `Goodbye` and `Left` give them.
export const CODE_ROWS = `
1 NOT_CHATSHELF|2 VERSION|3 MALFORMED|4 UNKNOWN_TYPE|5 UNEXPECTED|6 FRAME_TOO_LONG|7 ROOM_FULL
8 NOT_JOINED_IN_TIME|9 TIMED_OUT|10 TOO_SLOW|11 LEFT|12 CONNECTION_LOST|13 SHUTTING_DOWN
14 REPLACED|15 TOO_MANY_REFUSALS|16 TOO_MANY_CONNECTIONS|17 UNCHANGED|18 TOO_SOON
19 NOT_ENCRYPTED|20 NICK_INVALID|21 NICK_TAKEN|22 NO_SUCH_MEMBER|23 TEXT_INVALID|24 TEXT_TOO_LONG
25 MEMBER_BUSY|26 ALREADY_SAID|27 TOO_MANY_LINES|28 TOO_MANY_CHANGES|40 FILE_TOO_LARGE
41 FILE_NAME_INVALID|42 TOO_MANY_TRANSFERS|43 ITEM_UNKNOWN|44 ITEM_DROPPED|45 STORAGE_FAILED
46 STORAGE_FULL|47 DIGEST_MISMATCH|48 SIZE_MISMATCH|49 CANCELLED|50 STALLED|51 NOT_YOURS
52 TOO_MUCH_UPLOADED|60 TOO_MANY_FROM_ADDRESS|61 TOO_MANY_JOINS|62 TOO_MUCH_SENT|63 FLOODING
64 PASSWORD_NEEDED|65 PASSWORD_WRONG|66 TOO_MANY_GUESSES|67 BANNED|68 KICKED|70 TOPIC_LOCKED`;

export const CAPABILITY_PASSWORDS = 4;
export const MAGIC = new TextEncoder().encode('CHSH');

const rows = (text) => text.trim().split(/[|\n]/).map((row) => row.split(' '));
const keyOf = (name) => name.toLowerCase().replace(/_(.)/g, (_, c) => c.toUpperCase());
const TAGS = Object.fromEntries(
  rows(TAG_ROWS).map(([tag, name, kind]) => [name, { tag: +tag, key: keyOf(name), kind }]),
);

/** The number of each reason. */
export const CODE = Object.fromEntries(rows(CODE_ROWS).map(([code, name]) => [name, +code]));

function fieldsOf(names) {
  return names.map((name) => {
    const [, base, mark] = name.match(/^(\w+)([?*]?)$/);
    return { name: base, ...TAGS[base], optional: mark !== '', repeated: mark === '*' };
  });
}

/** Type, flags and fields of each frame, by its name. */
export const FRAMES = Object.fromEntries(
  rows(FRAME_ROWS).map(([type, name, ...fields]) => {
    const flags = type.endsWith('+') ? SKIP : 0;
    return [name, { name, type: parseInt(type, 16), flags, fields: fieldsOf(fields) }];
  }),
);
const BY_TYPE = new Map(Object.values(FRAMES).map((frame) => [frame.type, frame]));
for (const [name, fields] of Object.entries(LISTS)) TAGS[name].fields = fieldsOf(fields.split(' '));
const ALL_FIELDS = Object.values(FRAMES).flatMap((frame) => frame.fields);
for (const field of ALL_FIELDS) field.fields = TAGS[field.name].fields;

/** What a server sends against the rules; the connection ends. */
export class Violation extends Error {}

const utf8 = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** Bytes of a text in UTF-8. */
export const bytesOf = (text) => utf8.encode(text).length;

const CONTROL = '\\u{0}-\\u{1F}\\u{7F}-\\u{9F}';
const INVISIBLE =
  '\\u{AD}\\u{34F}\\u{61C}\\u{115F}\\u{1160}\\u{17B4}\\u{17B5}\\u{180B}-\\u{180F}' +
  '\\u{200B}\\u{200E}\\u{200F}\\u{2028}-\\u{202E}\\u{2060}-\\u{206F}\\u{3164}\\u{FEFF}' +
  '\\u{FFA0}\\u{FFF9}-\\u{FFFB}\\u{E0000}-\\u{E0FFF}';
const UNSEEN = '\\p{White_Space}\\u{200C}\\u{200D}\\u{2800}\\u{FE00}-\\u{FE0F}';
const none = (characters) => new RegExp(`^[^${characters}]+$`, 'u');
const NICK = `^(?![-.])([\\w.-]|[^\\u{0}-\\u{9F}${INVISIBLE}${UNSEEN}])+$`;

// What each kind of text may hold, and how many bytes of it.
const TEXTS = {
  nick: [32, new RegExp(NICK, 'u')],
  message: [MESSAGE_BYTES_MAX, none('\\u{0}-\\u{8}\\u{B}-\\u{1F}\\u{7F}-\\u{9F}')],
  topic: [512, none(`${CONTROL}\\u{2028}\\u{2029}`)],
  file: [255, new RegExp(`^(?!\\.\\.?$)[^/\\\\${CONTROL}${INVISIBLE}]+$`, 'u')],
  note: [256, none(`${CONTROL}\\u{2028}\\u{2029}`)],
  password: [128, /^[^]+$/],
};

/** Whether a text may travel as this kind: `null`, `'long'` or `'invalid'`. */
export function textFault(kind, text) {
  const [limit, rule] = TEXTS[kind];
  if (bytesOf(text) > limit) return 'long';
  return rule.test(text) ? null : 'invalid';
}

/** A file's name as the shelf takes it: what it may not hold is left out, what is too long cut. */
export function fitFileName(name) {
  const never = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}\p{Cn}\p{Co}\p{Cs}]/gu;
  const clean = name.replace(/[/\\]/g, '_').replace(never, '').replace(/^\.{1,2}$/, '');
  const [, stem, extension] = clean.match(/^(.*?)(\.[^.]{1,16})?$/su);
  const letters = [...stem];
  while (bytesOf(letters.join('')) + bytesOf(extension ?? '') > TEXTS.file[0]) letters.pop();
  return letters.join('') + (extension ?? '') || 'file';
}

function readText(kind, bytes) {
  const [limit, rule] = TEXTS[kind];
  try {
    const text = strict.decode(bytes);
    if (bytes.length <= limit && rule.test(text)) return text;
  } catch {
    // It is not UTF-8.
  }
  throw new Violation(`a ${kind} against the rules`);
}

const viewOf = (bytes) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
const sized = (length, read) => (bytes) => {
  if (bytes.length !== length) throw new Violation('a field of wrong length');
  return read(viewOf(bytes), bytes);
};
const below = (limit, read) => (view) => {
  const value = read(view);
  if (value >= limit) throw new Violation('a value that means nothing');
  return value;
};
const u16 = (view) => view.getUint16(0);
const u32 = (view) => view.getUint32(0);
const READERS = {
  u8: sized(1, (view) => view.getUint8(0)),
  u16: sized(2, u16),
  u32: sized(4, u32),
  u64: sized(8, (view) => view.getBigUint64(0)),
  part: sized(1, below(4, (view) => view.getUint8(0))),
  mode: sized(2, below(0o1000, u16)),
  mark: sized(0, () => true),
  allowance: sized(22, (view) => {
    const [kind, atOnce, refill] = [u16(view), view.getBigUint64(2), view.getBigUint64(10)];
    if (!atOnce || !refill || !view.getUint32(18)) throw new Violation('an allowance of nothing');
    return { kind, atOnce, refill, periodMs: view.getUint32(18) };
  }),
};
const copy = (_, bytes) => bytes.slice();
for (const length of [4, 6, 10, 16, 24, 32]) READERS[`b${length}`] = sized(length, copy);
for (const kind of Object.keys(TEXTS)) READERS[kind] = (bytes) => readText(kind, bytes);

function readFields(fields, bytes) {
  const out = {};
  for (const field of fields) if (field.repeated) out[field.key] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = at + 3 + (bytes[at + 1] << 8) + bytes[at + 2];
    if (!(end <= bytes.length)) throw new Violation('a field cut short');
    const field = fields.find((known) => known.tag === bytes[at]);
    if (field) {
      const part = bytes.subarray(at + 3, end);
      const value = field.fields ? readFields(field.fields, part) : READERS[field.kind](part);
      if (field.repeated) out[field.key].push(value);
      else if (field.key in out) throw new Violation(`${field.name} twice`);
      else out[field.key] = value;
    }
    at = end;
  }
  const missing = fields.find((field) => !field.optional && !(field.key in out));
  if (missing) throw new Violation(`${missing.name} is missing`);
  return out;
}

/** The fields of a whole frame by their keys, and its name as `frame`; `null` for one that may be
 * skipped. Numbers of 8 bytes are BigInts. */
export function decode({ type, flags, value }) {
  const frame = BY_TYPE.get(type);
  // The browser downloads by links, so no file comes this way.
  if (type === DATA) throw new Violation('data of no download');
  if (frame) return { frame: frame.name, ...readFields(frame.fields, value) };
  if (!(flags & SKIP)) throw new Violation(`an unknown frame, ${type}`);
  if ((type & 0xf0) !== 0xc0) return null;
  // An event that this page does not know has its place in the log all the same.
  return { frame: 'Unknown', ...readFields(fieldsOf(['SEQ', 'AT']), value) };
}

function number(length, value) {
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigUint64(0, BigInt(value));
  return [...bytes.subarray(8 - length)];
}

function write(field, value) {
  if (field.fields) return writeFields(field.fields, value);
  if (field.kind in TEXTS) return [...utf8.encode(value)];
  if (field.kind === 'allowance') {
    const { kind, atOnce, refill, periodMs } = value;
    return [...number(2, kind), ...number(8, atOnce), ...number(8, refill), ...number(4, periodMs)];
  }
  const length = { u8: 1, part: 1, u16: 2, mode: 2, u32: 4, u64: 8, mark: 0 }[field.kind];
  return length === undefined ? [...value] : number(length, length ? value : 0);
}

function writeFields(fields, values) {
  return fields.flatMap((field) => {
    const value = values[field.key];
    const all = field.repeated ? (value ?? []) : value === undefined ? [] : [value];
    return all.flatMap((each) => {
      const bytes = write(field, each);
      return [field.tag, bytes.length >> 8, bytes.length & 255, ...bytes];
    });
  });
}

/** A frame's bytes. */
export function encode(name, values = {}) {
  const { type, flags, fields } = FRAMES[name];
  const value = writeFields(fields, values);
  return Uint8Array.from([type, flags, ...number(4, value.length), ...value]);
}

/** The bytes of a `Data` frame. */
export function encodeData(transfer, offset, bytes) {
  const frame = new Uint8Array(HEADER_BYTES + DATA_HEAD_BYTES + bytes.length);
  frame.set([DATA, 0, ...number(4, DATA_HEAD_BYTES + bytes.length)]);
  frame.set([...number(4, transfer), ...number(8, offset)], HEADER_BYTES);
  frame.set(bytes, HEADER_BYTES + DATA_HEAD_BYTES);
  return frame;
}

/** From a stream of bytes, cut anywhere, to frames. Holds one frame at most. */
export class Deframer {
  #head = new Uint8Array(HEADER_BYTES); #headBytes = 0; #value = null; #valueBytes = 0;

  /** The frames that are whole with these bytes. */
  *push(bytes) {
    let at = 0;
    const fill = (target, have) => {
      const part = bytes.subarray(at, at + target.length - have);
      target.set(part, have);
      at += part.length;
      return have + part.length;
    };
    for (;;) {
      if (!this.#value) {
        this.#headBytes = fill(this.#head, this.#headBytes);
        if (this.#headBytes < HEADER_BYTES) return;
        this.#value = new Uint8Array(this.#length());
        this.#valueBytes = 0;
      }
      this.#valueBytes = fill(this.#value, this.#valueBytes);
      if (this.#valueBytes < this.#value.length) return;
      const [type, flags] = this.#head;
      const value = this.#value;
      [this.#value, this.#headBytes] = [null, 0];
      yield { type, flags, value };
    }
  }

  // The limit is looked at before there is memory for the value.
  #length() {
    const [type] = this.#head;
    const length = viewOf(this.#head).getUint32(2);
    const isData = type === DATA;
    const limit = isData ? DATA_HEAD_BYTES + DATA_BYTES_MAX : FRAME_BYTES_MAX;
    if (length > limit) throw new Violation(`a frame of ${length} bytes`);
    if (isData && length <= DATA_HEAD_BYTES) throw new Violation('a data frame without data');
    return length;
  }
}
