// The page's part of the table of texts: whole in each language, and neither more nor less than
// the page needs.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';

import { CODE } from '../protocol.js';
import { LANGUAGES, hasText, languageOf, setLanguage, setTexts, t } from '../strings.js';
import { complete, helpLines, parse } from '../ui/commands.js';

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
    const isCode = key in CODE || key.startsWith('help');
    assert.ok(isCode || new RegExp(`['"]${key}['"]`).test(text), key);
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

test('the language is the first that we have', () => {
  for (const [wanted, language] of [
    [['de', 'zh-CN', 'en'], 'zh-Hans'], [['zh-TW'], 'zh-Hant'], [['zh-Hant-HK'], 'zh-Hant'],
    [['zh'], 'zh-Hans'], [['en-GB', 'zh'], 'en'], [['fr'], 'en'], [[], 'en'],
  ]) assert.equal(languageOf(wanted), language, wanted.join());
  for (const language of Object.keys(LANGUAGES)) {
    setLanguage(language);
    assert.ok(t('left', { nick: 'ada' }).includes('ada'));
  }
  setLanguage('en');
  assert.deepEqual([t('missed', { n: 1n }), t('missed', { n: 2n })], [
    '1 event of the room cannot be shown', '2 events of the room cannot be shown',
  ]);
});

test('a line is a message or a command', () => {
  assert.deepEqual(parse('hi'), { name: 'say', args: ['hi'] });
  assert.deepEqual(parse('//hi'), { name: 'say', args: ['/hi'] });
  assert.deepEqual(parse('/me waves'), { name: 'me', args: ['waves'] });
  assert.deepEqual(parse('/MSG bob a\nb'), { name: 'msg', args: ['bob', 'a\nb'] });
  assert.deepEqual(parse('/tell bob hi'), { name: 'msg', args: ['bob', 'hi'] });
  assert.deepEqual(parse('/topic'), { name: 'topic', args: [''] });
  assert.equal(parse('/msg bob').fault, 'Usage: /msg NAME TEXT');
  assert.equal(parse('/me').fault, 'Usage: /me TEXT');
  assert.match(parse('/nonsense').fault, /no command \/nonsense/);
  for (const line of helpLines()) assert.match(line, /^\/\w+.* — \w/);
});

test('the name before the caret is made whole', () => {
  const members = ['ada', 'Bob'];
  assert.deepEqual(complete('bo', 2, members), { text: 'Bob: ', caret: 5 });
  assert.deepEqual(complete('hi @bo there', 6, members), { text: 'hi @Bob  there', caret: 8 });
  assert.equal(complete('hi ', 3, members), null);
  assert.equal(complete('xyz', 3, members), null);
});
