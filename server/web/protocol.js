// The protocol's frames (docs/PROTOCOL.md): bytes to objects and back, by the tables of
// protocol.txt. Owns the limits that a hostile server meets. Knows no connection and no state.

export const FRAME_BYTES_MAX = 16384;
export const DATA_BYTES_MAX = 65536;
export const U64_MAX = 2n ** 64n - 1n;
export const CAPABILITY_OPERATORS = 2;
export const CAPABILITY_PASSWORDS = 4;
export const MAGIC = new TextEncoder().encode('CHSH');
const HEADER_BYTES = 6;
const DATA_HEAD_BYTES = 12;
const SKIP = 1;
const DATA = 0x20;
// Each table is a head, which begins with #, and rows of words.
const tables = await (await fetch(new URL('protocol.txt', import.meta.url))).text();
const rowsOf = (table) => [...table.matchAll(/^[^#].*$/gm)].map(([row]) => row.split(' '));
const [, TAG_ROWS, TEXT_ROWS, FRAME_ROWS, LIST_ROWS, CODE_ROWS, ACTION_ROWS] =
  tables.trim().split('\n\n').map(rowsOf);
const numbers = (rows) => Object.fromEntries(rows.map(([number, name]) => [name, +number]));
/** The number of each reason that `Refused`, `Goodbye` and `Left` give. */
export const CODE = numbers(CODE_ROWS);
/** Those after which it is worthwhile to come back. */
export const PASSING = CODE_ROWS.filter((row) => row[2] === 'passes').map(([code]) => +code);
/** The number of each operator's action, and the key of the text that describes it. */
export const ACTION = numbers(ACTION_ROWS);
export const DEED = Object.fromEntries(ACTION_ROWS.map(([action, , deed]) => [action, deed]));
const keyOf = (name) => name.toLowerCase().replace(/_(.)/g, (_, c) => c.toUpperCase());
const TAGS = Object.fromEntries(
  TAG_ROWS.map(([tag, name, kind]) => [name, { tag: +tag, key: keyOf(name), kind }]),
);
const fieldsOf = (names) => names.map((name) => {
  const [, base, mark] = name.match(/^(\w+)([?*]?)$/);
  return { name: base, ...TAGS[base], optional: mark !== '', repeated: mark === '*' };
});
for (const [name, ...fields] of LIST_ROWS) TAGS[name].fields = fieldsOf(fields);
export const FRAMES = Object.fromEntries(FRAME_ROWS.map(([type, name, ...fields]) => {
  const flags = type.endsWith('+') ? SKIP : 0;
  return [name, { name, type: parseInt(type, 16), flags, fields: fieldsOf(fields) }];
}));
const BY_TYPE = new Map(Object.values(FRAMES).map((frame) => [frame.type, frame]));

export class Violation extends Error {}
const utf8 = new TextEncoder();
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
export const bytesOf = (text) => utf8.encode(text).length;
// What each kind of text may hold, and how many bytes of it.
const TEXTS = Object.fromEntries(
  TEXT_ROWS.map(([kind, limit, rule]) => [kind, [+limit, new RegExp(rule, 'u')]]),
);
/** Why a text may not travel as this kind: `code`, with `limit` in bytes; `null` if it may. */
export function textFault(kind, text) {
  const [limit, rule] = TEXTS[kind];
  if (bytesOf(text) > limit) return { code: CODE.TEXT_TOO_LONG, limit };
  return rule.test(text) ? null : { code: CODE.TEXT_INVALID };
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
  try {
    const text = strict.decode(bytes);
    if (!textFault(kind, text)) return text;
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
const READERS = {
  u8: sized(1, (view) => view.getUint8(0)),
  u16: sized(2, (view) => view.getUint16(0)),
  u32: sized(4, (view) => view.getUint32(0)),
  u64: sized(8, (view) => view.getBigUint64(0)),
  mark: sized(0, () => true),
  allowance: sized(22, (view) => {
    const rate = { atOnce: view.getBigUint64(2), refill: view.getBigUint64(10) };
    const periodMs = view.getUint32(18);
    if (!rate.atOnce || !rate.refill || !periodMs) throw new Violation('an allowance of nothing');
    return { kind: view.getUint16(0), ...rate, periodMs };
  }),
};
const copy = (_, bytes) => bytes.slice();
for (const length of [4, 6, 10, 16, 24, 32]) READERS[`b${length}`] = sized(length, copy);
for (const kind of Object.keys(TEXTS)) READERS[kind] = (bytes) => readText(kind, bytes);

function readFields(fields, bytes) {
  const out = {};
  for (const field of fields) if (field.repeated) out[field.key] = [];
  for (let at = 0, end; at < bytes.length; at = end) {
    end = at + 3 + (bytes[at + 1] << 8) + bytes[at + 2];
    if (!(end <= bytes.length)) throw new Violation('a field cut short');
    const field = fields.find((known) => known.tag === bytes[at]);
    if (!field) continue;
    const part = bytes.subarray(at + 3, end);
    const value = field.fields ? readFields(field.fields, part) : READERS[field.kind](part);
    if (field.repeated) out[field.key].push(value);
    else if (field.key in out) throw new Violation(`${field.name} twice`);
    else out[field.key] = value;
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
  // An event that this page does not know still has its place in the log.
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
  const length = { u8: 1, u16: 2, u32: 4, u64: 8, mark: 0 }[field.kind];
  return length === undefined ? [...value] : number(length, value);
}

function writeFields(fields, values) {
  return fields.flatMap((field) => [values[field.key] ?? []].flat().flatMap((each) => {
    const bytes = write(field, each);
    return [field.tag, ...number(2, bytes.length), ...bytes];
  }));
}

export function encode(name, values = {}) {
  const { type, flags, fields } = FRAMES[name];
  const value = writeFields(fields, values);
  return Uint8Array.from([type, flags, ...number(4, value.length), ...value]);
}

export function encodeData(transfer, offset, bytes) {
  const frame = new Uint8Array(HEADER_BYTES + DATA_HEAD_BYTES + bytes.length);
  frame.set([DATA, 0, ...number(4, DATA_HEAD_BYTES + bytes.length)]);
  frame.set([...number(4, transfer), ...number(8, offset)], HEADER_BYTES);
  frame.set(bytes, HEADER_BYTES + DATA_HEAD_BYTES);
  return frame;
}

/** From a stream of bytes, cut anywhere, to frames. */
export class Deframer {
  #rest = new Uint8Array(0);
  *push(bytes) {
    let all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    while (all.length >= HEADER_BYTES) {
      const [type, flags] = all;
      const length = viewOf(all).getUint32(2);
      // So there is never more than one frame that waits for its end.
      const limit = type === DATA ? DATA_HEAD_BYTES + DATA_BYTES_MAX : FRAME_BYTES_MAX;
      if (length > limit) throw new Violation(`a frame of ${length} bytes`);
      if (all.length < HEADER_BYTES + length) break;
      yield { type, flags, value: all.subarray(HEADER_BYTES, HEADER_BYTES + length) };
      all = all.subarray(HEADER_BYTES + length);
    }
    this.#rest = all.slice();
  }
}
