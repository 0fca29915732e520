// The page's part of the table of texts: whole in each language, and neither more nor less than
// the page needs.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

import { CODE, DEED } from '../protocol.js';
import { LANGUAGES, hasText, languageOf, setLanguage, setTexts, t } from '../strings.js';
import { complete, helpLines, parse } from '../ui/commands.js';
import { lasting, looksLikeAddress, secondsOf, whomOf } from '../ui/moderation.js';
import { names } from '../ui/words.js';

const WEB = new URL('../', import.meta.url);
const source = (name) => readFileSync(new URL(name, WEB), 'utf8');
const [table] = source('../../common/strings.txt').split('\n# In the terminal alone.\n');
setTexts(table);
const rows = table.split('\n').filter((row) => row && !row.startsWith('#'));

test('each text is there in each language, with the same values in it', () => {
  assert.ok(rows.length > 100);
  const values = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const row of rows) {
    const [key, english, simplified, traditional = simplified, ...more] = row.split(' = ');
    assert.ok(english && simplified && more.length === 0, row);
    const [one, many = one] = english.split('|');
    for (const text of [many, simplified, traditional]) {
      assert.deepEqual(values(text), values(one), key);
    }
    assert.notEqual(english, simplified, key);
  }
  assert.equal(new Set(rows.map((row) => row.split(' = ')[0])).size, rows.length, 'each once');
});

test('the page asks for no text that is not there, and none is there in vain', () => {
  const modules = ['app.js', ...readdirSync(new URL('ui/', WEB)).map((name) => `ui/${name}`)];
  const text = [...modules.map(source), source('index.html'), source('session.js'),
    source('session/heartbeat.js')].join('\n');
  const asked = [
    ...text.matchAll(/\b(?:t|say|about|button|pieces)\('(\w+)'/g),
    ...text.matchAll(/data-(?:t|label|title|hint)="(\w+)"/g),
  ].map(([, key]) => key);
  asked.forEach((key) => assert.ok(hasText(key), key));
  for (const key of rows.map((row) => row.split(' = ')[0])) {
    const isOther = key.replace(/^left/, '') in CODE || key.startsWith('help')
      || Object.values(DEED).includes(key);
    assert.ok(isOther || new RegExp(`['"]${key}['"]`).test(text), key);
  }
});

test('every reason that a server can give a browser has its sentence', () => {
  // What only a broken client is told, and what nobody is told as a reason.
  const bugs = /^(NOT_CHATSHELF|MALFORMED|UNKNOWN_TYPE|UNEXPECTED|FRAME_TOO_LONG|TOO_SOON)$/;
  const others = /^(LEFT|ALREADY_SAID|ITEM_UNKNOWN)$/;
  for (const name of Object.keys(CODE)) {
    assert.ok(hasText(name) || bugs.test(name) || others.test(name), name);
  }
});

test('all that operators do has its sentence', () => {
  assert.equal(new Set(Object.values(DEED)).size, 7);
  for (const key of Object.values(DEED)) assert.ok(hasText(key), key);
});

test('a mention is a whole word, whatever the name is made of', () => {
  for (const [text, nick, is] of [
    ['ada: hi', 'ada', true], ['Hi ADA!', 'ada', true], ['adamant', 'ada', false],
    ['x_ada', 'ada', false], ['is a.b here', 'a.b', true], ['is axb here', 'a.b', false],
    ['(c++)', 'c++', true], ['问葛丽丝', '葛丽丝', true], ['葛丽丝：你好', '葛丽丝', true],
    ['ada你好', 'ada', true], ['请ada来', 'ada', true], ['adaです', 'ada', true],
    ['ada님', 'ada', true], ['- ada -', 'ada', true], ['ada- hi', 'ada', true],
    ['ada2', 'ada', false], ['ada-marie', 'ada', false], ['jo-ada', 'ada', false],
    ['小明你来吗', '小明', true], ['@小明你好', '小明', true], ['小明ok', '小明', true],
    ['小明2', '小明', false], ['明：好', '明', true], ['明天', '明', false], ['a你', 'a', true],
    ['\u{1f600}?', '\u{1f600}', true], ['', 'ada', false],
  ]) assert.equal(names(text, nick), is, `${text} names ${nick}`);
});

test('the language is the first that we have', () => {
  for (const [wanted, language] of [
    [['de', 'zh-CN', 'en'], 'zh-Hans'], [['zh-TW'], 'zh-Hant'], [['zh-Hant-HK'], 'zh-Hant'],
    [['zh'], 'zh-Hans'], [['en-GB', 'zh'], 'en'], [['fr'], 'en'], [[], 'en'],
  ]) assert.equal(languageOf(wanted), language, wanted.join());
  for (const language of LANGUAGES) {
    setLanguage(language);
    assert.ok(t('left', { nick: 'ada' }).includes('ada'));
  }
  setLanguage('en');
  assert.deepEqual([t('missed', { n: 1n }), t('missed', { n: 2n })], [
    '1 event of the room cannot be shown', '2 events of the room cannot be shown',
  ]);
});

test('a line is a message or a command', () => {
  const said = (message) => ({ name: 'say', args: { message } });
  assert.deepEqual([parse('hi'), parse('//hi')], [said('hi'), said('/hi')]);
  assert.deepEqual(parse('/me waves'), { name: 'me', args: { message: 'waves' } });
  const told = (nick, message) => ({ name: 'msg', args: { nick, message } });
  assert.deepEqual(parse('/MSG bob a\nb'), told('bob', 'a\nb'));
  assert.deepEqual(parse('/tell bob hi'), told('bob', 'hi'));
  assert.deepEqual(parse('/topic'), { name: 'topic', args: { topic: '' } });
  assert.equal(parse('/msg bob').fault, 'Usage: /msg NAME TEXT');
  assert.equal(parse('/me').fault, 'Usage: /me TEXT');
  assert.match(parse('/nonsense').fault, /no command \/nonsense/);
  assert.match(parse('/nick a b').fault, /without spaces/);
  assert.match(parse(`/me ${'x'.repeat(9000)}`).fault, /too long .* 8\.2\u00a0kB/);
  for (const line of helpLines()) assert.match(line, /^\/\w+.* — \w/);
});

test('operators name whom, how long and why', () => {
  const of = (line) => Object.values(parse(line).args ?? {});
  assert.deepEqual(of('/kick bob enough now'), ['bob', 'enough now']);
  assert.deepEqual(of('/ban bob'), ['bob', undefined, '']);
  assert.deepEqual(of('/ban bob 30m too loud'), ['bob', '30m', 'too loud']);
  assert.deepEqual(of('/ban bob 1d 3 strikes'), ['bob', '1d', '3 strikes']);
  assert.deepEqual(of('/ban bob please stop'), ['bob', undefined, 'please stop']);
  assert.deepEqual(of('/ban 2001:db8::1 7d'), ['2001:db8::1', '7d', '']);
  assert.deepEqual(of('/unban #7'), ['7']);
  assert.deepEqual([of('/redact bob 3'), of('/redact #43')],
    [[undefined, 'bob', '3'], ['43', undefined, undefined]]);
  for (const line of ['/kick', '/ban', '/unban bob', '/redact bob 0', '/lock', '/lock door']) {
    assert.match(parse(line).fault, /^Usage: /, line);
  }
  assert.match(parse(`/kick bob ${'x'.repeat(300)}`).fault, /too long .* 256\u00a0B/);
  assert.match(parse('/ban a/b').fault, /without spaces/);
  for (const time of ['1y', '2mo', '0m', '0.5s', '90', '30M', '30 m', '50000d', 'P1D', '-1h',
    '3 warnings', '30分钟', '７d']) {
    assert.match(parse(`/ban bob ${time}`).fault ?? '', /is not a time such as 30m/, time);
  }
  for (const whom of ['10.0.0.0/24', '2001:db8::/32', 'fe80::1%eth0', '[::1]', '10.0.0.7:9000']) {
    assert.match(parse(`/ban ${whom}`).fault ?? '', /is not an address such as/, whom);
  }
  for (const whom of ['10.77.0.300', '10.77.0', '1.2.3']) assert.ok(looksLikeAddress(whom), whom);
  for (const whom of ['bob', 'a.b', '1984', 'bad.cafe']) assert.ok(!looksLikeAddress(whom), whom);
});

test('an address is 16 bytes, and a time has a unit', () => {
  const hex = (text) => Buffer.from(whomOf(text).address).toString('hex');
  assert.equal(hex('192.0.2.7'), '00000000000000000000ffffc0000207');
  assert.equal(hex('2001:db8::1'), '20010db8000000000000000000000001');
  assert.equal(hex('::'), '0'.repeat(32));
  assert.equal(hex('1:2:3:4:5:6:7:8'), '00010002000300040005000600070008');
  for (const none of ['bob', '1.2.3', '1.2.3.4.5', '300.1.1.1', '1:2', '123', 'a:b', '[::1]']) {
    assert.deepEqual(whomOf(none), { to: none });
  }
  assert.deepEqual(['30m', '1d12h', '2w', undefined].map(secondsOf),
    [1800, 129_600, 1_209_600, undefined]);
  const of = (seconds) => lasting(7n, 7n + 1000n * BigInt(seconds));
  assert.deepEqual([of(1), of(90), of(600)], ['1 second', '90 seconds', '10 minutes']);
  assert.deepEqual([of(7200), of(604_800)], ['2 hours', '7 days']);
  setLanguage('zh-Hans');
  assert.match(of(600), /^10.?分钟$/);
  setLanguage('en');
});

test('the name before the caret is made whole', () => {
  const members = ['ada', 'Bob'];
  assert.deepEqual(complete('bo', 2, members), { text: 'Bob: ', caret: 5 });
  assert.deepEqual(complete('hi @bo there', 6, members), { text: 'hi @Bob  there', caret: 8 });
  assert.equal(complete('hi ', 3, members), null);
  assert.equal(complete('xyz', 3, members), null);
  assert.equal(complete('/ki', 3, members).text, '/kick ');
  assert.equal(complete('/kick b', 7, members).text, '/kick Bob ');
  assert.equal(complete('/lock t', 7, members).text, '/lock topic ');
});
