import assert from 'node:assert/strict';
import test from 'node:test';

import { load, reload, save } from '../ui/storage.js';

test('what a full storage does not take is kept as long as the page is open', () => {
  const kept = { settings: '{"name":"old"}' };
  let isFull = true;
  globalThis.localStorage = globalThis.sessionStorage = {
    getItem: (name) => kept[name] ?? null,
    setItem(name, text) {
      if (isFull) throw new Error('it is full');
      kept[name] = text;
    },
  };
  assert.deepEqual(load('localStorage', 'settings'), { name: 'old' });
  save('localStorage', 'settings', { name: 'new' });
  assert.deepEqual(load('localStorage', 'settings'), { name: 'new' });
  reload.keep({ draft: 'unsent' });
  assert.equal(reload.take().draft, 'unsent');
  assert.deepEqual(reload.take(), {});
  isFull = false;
  save('localStorage', 'settings', { name: 'newer' });
  assert.deepEqual(load('localStorage', 'settings'), { name: 'newer' });
  assert.equal(kept.settings, '{"name":"newer"}');
});
