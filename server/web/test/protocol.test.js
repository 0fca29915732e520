// The codec against docs/PROTOCOL.md, sessions of other programs, and hostile bytes.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  ACTION, CODE, DATA_BYTES_MAX, Deframer, FRAMES, FRAME_BYTES_MAX, Violation, bytesOf, decode, encode,
  encodeData, fitFileName, textFault,
} from '../protocol.js';
import { examples, hex, recordings, table } from './document.js';

const DATA = 0x20;

const frames = (bytes) => [...new Deframer().push(bytes)];

function again({ type, flags, value }) {
  if (type === DATA) {
    const view = new DataView(value.buffer, value.byteOffset);
    return encodeData(view.getUint32(0), view.getBigUint64(4), value.subarray(12));
  }
  const { frame, ...fields } = decode({ type, flags, value });
  return encode(frame, fields);
}

test('every example of the page is read, and written the same', () => {
  assert.ok(examples.length > 60, `${examples.length} examples`);
  for (const { name, bytes } of examples) {
    const all = frames(bytes);
    assert.ok(all.length > 0, name);
    assert.equal(all.map(again).map(hex).join(''), hex(bytes), name);
  }
});

test('examples mean what they say', () => {
  const first = (name) => decode(frames(examples.find((it) => it.name === name).bytes)[0]);
  assert.deepEqual(first('Said'), {
    frame: 'Said', seq: 43n, at: 1795366800000n, nick: 'ada', messageId: 1n, text: 'hi, all',
  });
  const { shelfItem } = first('Shelved-attributes');
  assert.deepEqual([shelfItem.item, shelfItem.size, shelfItem.mode], [7n, 12n, 0o755]);
  assert.deepEqual(first('HelloAck-allowances').allowance, [
    { kind: 1, atOnce: 20n, refill: 5n, periodMs: 1000 },
  ]);
  assert.equal(first('Refused-nick').suggestion, 'ada2');
  const { action, to, until, at, reason } = first('Moderated-ban');
  assert.deepEqual([action, to, until - at, reason], [ACTION.BAN, 'bob', 3_600_000n, 'spam']);
  const { line } = first('Moderated-redact');
  assert.deepEqual([line, first('Moderate-redact').line], [43n, 43n]);
  const { part, banEntry } = first('Bans');
  assert.deepEqual([part, banEntry.map((it) => it.ban), banEntry[0].to], [3, [3n, 4n], 'bob']);
  assert.deepEqual([...banEntry[1].address.slice(10)], [255, 255, 192, 0, 2, 7]);
});

test('the tables are those of the page', () => {
  const isOfPage = (name, rows) => rows.some((row) => row.includes(name));
  const frameRows = table('type', 'name', 'by', 'fields').filter(([, name]) => name !== 'Data');
  for (const [type, name, , fields] of frameRows) {
    const frame = FRAMES[name];
    assert.equal(frame?.type, Number(type), name);
    const isNamed = (it) => fields.includes(`\`${it.name}\``);
    assert.ok(frame.fields.every(isNamed), `${name} has other fields`);
    const named = fields.match(/`\w+`[?*]?/g) ?? [];
    for (const it of named) {
      const ours = frame.fields.find((field) => it.startsWith(`\`${field.name}\``));
      assert.ok(ours, `${name} lacks ${it}`);
      assert.deepEqual([ours.optional, ours.repeated], [/[?*]$/.test(it), it.endsWith('*')], it);
    }
  }
  for (const name of Object.keys(FRAMES)) assert.ok(isOfPage(name, frameRows), name);
  const tags = new Map(table('tag', 'name', 'kind').map(([tag, name]) => [name, Number(tag)]));
  for (const { name, tag } of Object.values(FRAMES).flatMap((frame) => frame.fields)) {
    assert.equal(tag, tags.get(`\`${name}\``), name);
  }
  for (const [code, name] of table('code', 'name', 'meaning')) {
    const ours = CODE[name.replaceAll('`', '')];
    assert.equal(ours, Number(code), name);
  }
  for (const [action, name] of table('action', 'name', 'fields')) {
    assert.equal(ACTION[name.replaceAll('`', '')], Number(action), name);
  }
});

test('recorded sessions are read, and written the same', () => {
  assert.ok(recordings.length >= 3);
  for (const { name, steps } of recordings) {
    for (const { bytes } of steps.filter((step) => step.bytes)) {
      // The last frame before a break may be cut short.
      const all = frames(bytes);
      if (all.length) assert.equal(hex(again(all[0])), hex(bytes), name);
    }
  }
});

test('bytes cut anywhere make no difference', () => {
  const bytes = Buffer.concat(examples.map((it) => it.bytes));
  const whole = frames(bytes);
  for (const step of [1, 2, 3, 5, 6, 7, 17, 1000]) {
    const deframer = new Deframer();
    const found = [];
    for (let at = 0; at < bytes.length; at += step) {
      found.push(...deframer.push(bytes.subarray(at, at + step)));
    }
    assert.deepEqual(found, whole, `in steps of ${step}`);
  }
});

test('what is not known is skipped where the page says so', () => {
  const said = encode('Said', { seq: 1n, at: 2n, nick: 'ada', messageId: 3n, text: 'hi' });
  const [frame] = frames(said);
  const value = Uint8Array.from([199, 0, 2, 1, 2, ...frame.value, 18, 0, 1, 9]);
  assert.deepEqual(decode({ ...frame, value }), decode(frame), 'a tag, and one of another frame');
  assert.equal(decode({ type: 0xf0, flags: 1, value: new Uint8Array(0) }), null);
  assert.throws(() => decode({ type: 0xf0, flags: 0, value: new Uint8Array(0) }), Violation);
  const { seq, at, frame: name } = decode({ type: 0xcf, flags: 1, value: frame.value });
  assert.deepEqual([name, seq, at], ['Unknown', 1n, 2n], 'an event has its place in the log');
});

test('a frame over its limit is refused before there is memory for it', () => {
  const head = (type, length) => Uint8Array.from([type, 0, ...new Uint8Array(
    new Uint32Array([length]).buffer).reverse()]);
  assert.deepEqual(frames(head(0x84, FRAME_BYTES_MAX)), []);
  for (const [type, length] of [
    [0x84, FRAME_BYTES_MAX + 1], [0x84, 0xffffffff], [DATA, DATA_BYTES_MAX + 13],
  ]) {
    assert.throws(() => frames(head(type, length)), Violation, `${type} of ${length}`);
  }
});

test('fields against the rules are a violation', () => {
  const value = (...bytes) => ({ type: 0xc1, flags: 0, value: Uint8Array.from(bytes) });
  const seq = [9, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1];
  const at = [10, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1];
  const nick = [7, 0, 1, 97];
  assert.equal(decode(value(...nick, ...at, ...seq)).nick, 'a', 'in any order');
  for (const [what, bytes] of Object.entries({
    'cut short': [...seq, ...at, 7, 0, 2, 97],
    'a head cut short': [...seq, ...at, ...nick, 7, 0],
    missing: [...seq, ...at],
    twice: [...seq, ...seq, ...at, ...nick],
    'of wrong length': [9, 0, 1, 1, ...at, ...nick],
    'not UTF-8': [...seq, ...at, 7, 0, 1, 0xff],
    empty: [...seq, ...at, 7, 0, 0],
    'no nick': [...seq, ...at, 7, 0, 2, 97, 32],
  })) {
    assert.throws(() => decode(value(...bytes)), Violation, what);
  }
  assert.throws(() => decode({ type: DATA, flags: 1, value: new Uint8Array(20) }), Violation);
  const allowance = { kind: 1, atOnce: 1n, refill: 0n, periodMs: 1 };
  const limits = { fileBytesMax: 1n, shelfItemsMax: 1, transfersMax: 1, historyMax: 1 };
  const ack = encode('HelloAck', { version: 1, ...limits, allowance: [allowance] });
  assert.throws(() => decode(frames(ack)[0]), Violation, 'an allowance of nothing');
});

test('any bytes are frames or a violation, and nothing else', () => {
  let state = 7;
  const random = () => (state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 16;
  for (let round = 0; round < 20_000; round++) {
    const types = Object.values(FRAMES);
    const { type } = types[random() % types.length];
    const bytes = Uint8Array.from({ length: random() % 60 }, () => random() % 48);
    try {
      decode({ type, flags: random() % 2, value: bytes });
    } catch (error) {
      assert.ok(error instanceof Violation, error.stack);
    }
  }
});

test('texts may hold what the page allows', () => {
  for (const nick of ['ada', 'Ada_1', 'a-b.c', '名字', 'שלום', 'żółw', '\u{1f600}']) {
    assert.equal(textFault('nick', nick), null, nick);
  }
  for (const nick of ['', '.a', '-a', 'a b', 'a/b', 'a\u200db', 'a\u202eb', 'a\u00a0b', 'a\n']) {
    assert.equal(textFault('nick', nick).code, CODE.TEXT_INVALID, JSON.stringify(nick));
  }
  assert.deepEqual(textFault('nick', '名'.repeat(11)), { code: CODE.TEXT_TOO_LONG, limit: 32 });
  assert.equal(textFault('message', 'a\n\tb\u202e'), null);
  assert.equal(textFault('message', 'a\u0007').code, CODE.TEXT_INVALID);
  assert.equal(textFault('topic', 'a\nb').code, CODE.TEXT_INVALID);
  for (const name of ['a.txt', '-rf', '.hidden', 'a b', '"<script>"']) {
    assert.equal(textFault('file', name), null, name);
  }
  for (const name of ['.', '..', 'a/b', 'a\\b', 'a\u202eb']) {
    assert.equal(textFault('file', name).code, CODE.TEXT_INVALID, name);
  }
});

test('any name of a file is made one that the shelf takes', () => {
  for (const name of ['a.txt', '../../etc/passwd', '..', '', 'a\u202eb', '\u{1f469}\u200d\u{1f467}',
    'x'.repeat(300), `${'名'.repeat(200)}.tar.gz`, 'a\\b', '\u200d', 'שלום.pdf']) {
    const fit = fitFileName(name);
    assert.equal(textFault('file', fit), null, JSON.stringify(name));
    assert.ok(bytesOf(fit) <= 255);
  }
  assert.equal(fitFileName('שלום.pdf'), 'שלום.pdf');
  assert.ok(fitFileName(`${'x'.repeat(300)}.pdf`).endsWith('.pdf'));
});
