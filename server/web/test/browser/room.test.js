// The page in a real browser against a real server; harness.js says what it needs.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, test } from 'node:test';

import {
  PHONE, URL_OF_PAGE, axe, closeBrowser, content, enter, file, fresh, goOffline, inBrowser, open,
  say, shown, terminal, terminalMember, texts, until,
} from './harness.js';

after(closeBrowser);

const itemOf = (page, name) => page.locator('#shelf li', { hasText: name });

// The bytes behind the link of an item.
async function fetched(page, name) {
  const href = await itemOf(page, name).locator('a').getAttribute('href');
  const response = await page.request.get(new URL(href, page.url()).href);
  assert.equal(response.status(), 200);
  return response.body();
}

// So long a member whose connection is gone keeps its place.
const GRACE_MS = 5000;

// Others have not seen this member leave, unless it was away for longer than that.
async function assertStayed(other, name, since) {
  const leavings = await other.locator('.row', { hasText: `${name} left` }).count();
  assert.ok(leavings === 0 || Date.now() - since > GRACE_MS, `${name} has left`);
}

const NASTY = [
  '"quoted" & \'quoted\'', '<script>alert(1)</script>', '<img src=x onerror=alert(1)>',
  'שלום עולם', '\u202eright to left', '👩‍👧 🏴󠁧󠁢󠁳󠁣󠁴󠁿', 'javascript:alert(1)', '   spaces   inside',
];

inBrowser('two pages and a terminal see the same', async (context) => {
  const [ada, bob, tom] = ['ada', 'bob', 'tom'].map(fresh);
  const one = await enter(context, ada);
  const two = await enter(context, bob);
  const three = terminalMember(tom);
  await shown(one, `${tom} joined`);
  await say(one, `from ${ada}`);
  await three.sees(`from ${ada}`);
  three.say(`from ${tom}`);
  await shown(two, `from ${tom}`);
  await say(two, `/me waves to ${tom}`);
  await three.sees(`${bob} waves to ${tom}`);
  for (const page of [one, two]) await shown(page, `waves to ${tom}`, '.row.action');
  const kinds = '.row.said .text, .row.action .text';
  const [first, second] = await Promise.all([texts(one, kinds), texts(two, kinds)]);
  assert.deepEqual(second.slice(-3), [`from ${ada}`, `from ${tom}`, `waves to ${tom}`]);
  assert.deepEqual(first.slice(-3), second.slice(-3));
  three.leave();
  await shown(one, `${tom} left`);
});

inBrowser('whatever is said is text, and nothing else', async (context) => {
  const one = await enter(context, fresh('ada'));
  const two = await enter(context, fresh('עדה"x"'.replaceAll('"', '_')));
  for (const text of NASTY) await say(one, text);
  await shown(two, NASTY.at(-1).trim());
  const seen = (await texts(two)).slice(-NASTY.length);
  assert.deepEqual(seen, NASTY.map((text) => text.trim().replace('\u202e', '\ufffd')));
  await say(one, `/topic ${NASTY[2]}`);
  await shown(two, NASTY[2], '#topic');
  assert.equal(await two.locator('#lines img, #topic img, #lines script').count(), 0);
  await say(one, '/topic -');
});

inBrowser('addresses are links, without the sentence around them', async (context) => {
  const one = await enter(context, fresh('ada'), { query: '?history=0' });
  // As the terminal finds them.
  for (const [line, ...expected] of [
    ['see https://example.org/a?b=c#d, or http://x.y/).', 'https://example.org/a?b=c#d',
      'http://x.y/'],
    ['http://de.wikipedia.org/wiki/Rust_(Begriffe).', 'http://de.wikipedia.org/wiki/Rust_(Begriffe)'],
    ["<HTTPS://A.B> 'http://c.d'", 'HTTPS://A.B', 'http://c.d'],
    ['http://[::1]:9000/x', 'http://[::1]:9000/x'],
    ['请看https://example.com/a这个网站，很好', 'https://example.com/a'],
    ['见https://example.com/a，谢谢', 'https://example.com/a'],
    ['「https://example.com/」…', 'https://example.com/'],
    ['https://例子.中国/a。好', 'https://例子.中国/a'],
    ['http:// https://. javascript://x xhttp://a.b ftp://c.d'],
  ]) {
    await say(one, line);
    const row = one.locator('.row.said', { hasText: line }).last();
    await row.waitFor();
    assert.deepEqual(await row.locator('a').allTextContents(), expected, line);
    for (const rel of await row.locator('a').evaluateAll((all) => all.map((it) => it.rel))) {
      assert.equal(rel, 'noopener noreferrer nofollow');
    }
  }
});

inBrowser('names of files are text, and a link has the whole name', async (context) => {
  const page = await enter(context, fresh('ada'));
  for (const name of ['"a" & <script>.txt', 'שלום.pdf', '👍 ok.bin', "it's 100%.txt", '#1?.txt']) {
    const bytes = content(1000 + name.length);
    await page.setInputFiles('#files', file(name, bytes));
    await itemOf(page, name).waitFor();
    assert.deepEqual(await fetched(page, name), bytes, name);
    const download = page.waitForEvent('download');
    await itemOf(page, name).locator('a').click();
    assert.deepEqual(readFileSync(await (await download).path()), bytes, name);
  }
});

inBrowser('an upload that is cut resumes, and arrives whole', async (context) => {
  const page = await enter(context, fresh('ada'), { canCut: true });
  const name = `${fresh('cut')}.bin`;
  const bytes = content(3_000_000);
  page.socket.limit = page.socket.bytes + 1_500_000;
  await page.setInputFiles('#files', file(name, bytes));
  await page.locator('#status:not([hidden])').waitFor();
  page.socket.limit = Infinity;
  page.socket.bytes = 0;
  await itemOf(page, name).waitFor();
  await shown(page, `${name} resumes at`);
  assert.ok(page.socket.bytes < 2_200_000, `${page.socket.bytes} bytes were sent again`);
  assert.deepEqual(await fetched(page, name), bytes);
  const items = JSON.parse(await terminal('list', '--json'));
  assert.equal(items.filter((item) => item.name === name).length, 1);
});

inBrowser('an upload resumes after a reload and the same choice', async (context) => {
  const page = await enter(context, fresh('ada'), { canCut: true });
  const name = `${fresh('again')}.bin`;
  const bytes = content(2_000_000);
  // By its date, a file is known again: the same one is chosen twice.
  const choose = () => page.evaluate(async ([title, length]) => {
    const all = Uint8Array.from({ length }, (_, at) => (at * 31) >>> 3);
    const transfer = new DataTransfer();
    transfer.items.add(new File([all], title, { lastModified: 1_600_000_000_000 }));
    document.getElementById('files').files = transfer.files;
    document.getElementById('files').dispatchEvent(new Event('change'));
  }, [name, bytes.length]);
  page.socket.limit = page.socket.bytes + 1_000_000;
  await choose();
  await page.locator('#status:not([hidden])').waitFor();
  // Until it is loaded again, it gets no further.
  await page.reload();
  page.socket.limit = Infinity;
  await page.waitForSelector('#room:not([hidden])');
  page.socket.bytes = 0;
  await choose();
  await itemOf(page, name).waitFor();
  assert.ok(page.socket.bytes < 1_500_000, `${page.socket.bytes} bytes were sent again`);
  assert.deepEqual(await fetched(page, name), bytes);
});

inBrowser('files come by drop and by paste, and can be taken off', async (context) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const page = await enter(context, fresh('ada'));
  const names = ['drop-a', 'drop-b'].map(fresh);
  await page.evaluate((all) => {
    const dataTransfer = new DataTransfer();
    for (const name of all) dataTransfer.items.add(new File([name], name));
    for (const type of ['dragover', 'drop']) {
      const event = new DragEvent(type, { dataTransfer, bubbles: true, cancelable: true });
      document.getElementById('talk').dispatchEvent(event);
    }
  }, names);
  for (const name of names) await itemOf(page, name).waitFor();
  await itemOf(page, names[0]).getByRole('button', { name: 'Take off' }).click();
  await itemOf(page, names[0]).waitFor({ state: 'detached' });
  await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(20, 10);
    canvas.getContext('2d').fillRect(0, 0, 20, 10);
    const blob = await canvas.convertToBlob({ type: 'image/png' });
    await navigator.clipboard.write([new ClipboardItem({ 'image/png': blob })]);
  });
  const paste = (parts) => page.evaluate((all) => {
    const clipboardData = new DataTransfer();
    for (const [type, text] of all) clipboardData.setData(type, text);
    clipboardData.items.add(new File(['x'], 'image.png', { type: 'image/png' }));
    const event = new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true });
    document.getElementById('text').dispatchEvent(event);
    return event.defaultPrevented;
  }, parts);
  assert.equal(await paste([['text/plain', 'A1\tB1'], ['text/html', '<table>']]), false, 'cells');
  assert.equal(await paste([['text/plain', '/tmp/image.png']]), true, 'a file and its name');
  await itemOf(page, 'pasted-').getByRole('button', { name: 'Show' }).click();
  await shown(page, 'the browser cannot show this picture', '#shelf li');
  await itemOf(page, 'pasted-').getByRole('button', { name: 'Take off' }).click();
  await itemOf(page, 'pasted-').waitFor({ state: 'detached' });
  await page.focus('#text');
  await page.keyboard.press('Control+V');
  const pasted = itemOf(page, 'pasted-');
  await pasted.first().waitFor();
  await pasted.first().getByRole('button', { name: 'Show' }).click();
  const picture = pasted.first().locator('img');
  await page.waitForFunction((img) => img.complete && img.naturalWidth === 20,
    await picture.elementHandle());
});

inBrowser('a picture that is shown leaves the talk at its end', async (context) => {
  const page = await enter(context, fresh('ada'), { query: '?history=0' });
  for (let line = 0; line < 30; line++) await say(page, `line ${line}`);
  const png = await page.evaluate(async () => {
    const canvas = new OffscreenCanvas(200, 300);
    canvas.getContext('2d').fillRect(0, 0, 200, 300);
    const blob = await canvas.convertToBlob({ type: 'image/png' });
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
  await page.setInputFiles('#files', file(`${fresh('tall')}.png`, Buffer.from(png)));
  const fromEnd = () => {
    const { scrollHeight, scrollTop, clientHeight } = document.getElementById('talk');
    const { naturalHeight = 0 } = document.querySelector('#lines img') ?? {};
    return { fromEnd: Math.round(scrollHeight - scrollTop - clientHeight), naturalHeight };
  };
  const isAt = async (end, height) => {
    const { fromEnd: rest, naturalHeight } = await page.evaluate(fromEnd);
    return naturalHeight === height && (end ? rest < 2 : rest > 200);
  };
  await page.locator('#lines button', { hasText: 'Show' }).click();
  await until(() => isAt(true, 300));
  assert.equal(await page.locator('#newest').isVisible(), false);
  // Whoever has scrolled back stays there.
  await page.locator('#lines button', { hasText: 'Hide' }).click();
  await page.locator('#talk').hover();
  await page.mouse.wheel(0, -10_000);
  await page.locator('#newest').waitFor();
  await page.evaluate(() => document.querySelector('#lines img').previousElementSibling.click());
  await until(() => isAt(false, 300));
  assert.equal(await page.locator('#newest').isVisible(), true);
});

inBrowser('a picture that could run something is not shown', async (context) => {
  const page = await enter(context, fresh('ada'));
  const svg = '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>';
  const name = `${fresh('evil')}.svg`;
  await page.setInputFiles('#files', file(name, Buffer.from(svg)));
  await itemOf(page, name).waitFor();
  assert.equal(await itemOf(page, name).getByRole('button', { name: 'Show' }).count(), 0);
  const alerts = [];
  page.on('dialog', (dialog) => alerts.push(dialog.dismiss()));
  const href = await itemOf(page, name).locator('a').getAttribute('href');
  const ending = await page.evaluate((src) => new Promise((ends) => {
    const image = document.createElement('img');
    image.onload = image.onerror = ({ type }) => ends(type);
    image.src = src;
    document.body.append(image);
  }), href);
  assert.deepEqual([ending, alerts], ['error', []]);
});

inBrowser('lines that are written offline are kept, and said once', async (context) => {
  const ada = fresh('ada');
  const page = await enter(context, ada, { canCut: true });
  const other = await enter(context, fresh('bob'));
  await say(page, 'before');
  await shown(other, 'before');
  const since = Date.now();
  await goOffline(page);
  await say(page, 'while away');
  await shown(page, 'while away', '.pending');
  await say(other, 'meanwhile');
  await shown(other, 'meanwhile');
  page.socket.isOpen = true;
  // It may be back by itself already.
  await page.evaluate(() => document.querySelector('#status button').click());
  await shown(page, 'while away', '.row.said');
  await shown(other, 'while away');
  const last = (await texts(page)).slice(-3);
  assert.deepEqual(last, ['before', 'meanwhile', 'while away']);
  assert.deepEqual((await texts(other)).slice(-3), last);
  assert.equal(await page.locator('.pending').count(), 0);
  await assertStayed(other, ada, since);
});

inBrowser('a page that is loaded again is the same member', async (context) => {
  const ada = fresh('ada');
  const page = await enter(context, ada);
  const other = await enter(context, fresh('bob'));
  const since = Date.now();
  await page.reload();
  await page.waitForSelector('#room:not([hidden])');
  await say(page, 'here again');
  await shown(other, 'here again');
  await assertStayed(other, ada, since);
});

// As Chrome on Android has it.
const withoutNotifications = () => {
  globalThis.Notification = class {
    static permission = 'granted';
    static requestPermission = async () => 'granted';
    constructor() { throw new TypeError('Illegal constructor'); }
  };
  if (origin !== 'null') localStorage.setItem('settings', '{"notify":true}');
  document.hasFocus = () => false;
};

inBrowser('a mention that cannot be notified is shown, and so is what follows', async (context) => {
  await context.addInitScript(withoutNotifications);
  const ada = fresh('ada');
  const one = await enter(context, ada, { query: '?history=0' });
  const other = terminalMember(fresh('bob'));
  for (const text of ['first', `${ada}: second`, 'third']) other.say(text);
  await shown(one, 'third');
  assert.deepEqual(await texts(one), ['first', `${ada}: second`, 'third']);
  other.leave();
});

inBrowser('an error of the page costs one event, and no other', async (context) => {
  const one = await enter(context, fresh('ada'), { query: '?history=0' });
  const two = await enter(context, fresh('bob'));
  await one.evaluate(() => {
    const get = () => { throw new Error('broken'); };
    Object.defineProperty(document, 'hidden', { get, configurable: true });
  });
  await say(two, 'first');
  await until(() => context.faults.length);
  await one.evaluate(() => delete document.hidden);
  await say(two, 'second');
  await shown(one, 'second');
  assert.match(context.faults.splice(0).join(), /broken/);
});

inBrowser('a browser that keeps nothing shows the page all the same', async (context) => {
  await context.addInitScript(() => {
    for (const name of ['localStorage', 'sessionStorage']) {
      const get = () => { throw new DOMException('denied', 'SecurityError'); };
      Object.defineProperty(globalThis, name, { get });
    }
  });
  const page = await enter(context, fresh('ada'));
  await page.click('#menu summary');
  await page.selectOption('#language', 'zh-Hans');
  await shown(page, '文件架', '#shelf-title');
  const name = `${fresh('kept')}.txt`;
  await page.setInputFiles('#files', file(name, content(10)));
  await itemOf(page, name).getByRole('button', { name: '下架' }).click();
  await itemOf(page, name).waitFor({ state: 'detached' });
});

inBrowser('a file that is chosen when its reader cannot be loaded can be tried again',
  async (context) => {
    await context.route('**/blake3.wasm', (route) => route.abort());
    const page = await enter(context, fresh('ada'));
    const name = `${fresh('retried')}.txt`;
    await page.setInputFiles('#files', file(name, content(1000)));
    await shown(page, 'could not load the part that reads files', '.row.notice');
    await context.unroute('**/blake3.wasm');
    await page.locator('.row.notice').getByRole('button', { name: 'Try again' }).click();
    await itemOf(page, name).waitFor();
    assert.deepEqual(await fetched(page, name), content(1000));
  });

inBrowser('the first file of all may be chosen offline', async (context) => {
  const page = await enter(context, fresh('ada'), { canCut: true });
  await goOffline(page);
  await context.setOffline(true);
  const name = `${fresh('early')}.txt`;
  await page.setInputFiles('#files', file(name, content(1000)));
  await shown(page, name, '#uploads');
  await context.setOffline(false);
  page.socket.isOpen = true;
  await page.evaluate(() => document.querySelector('#status button').click());
  await itemOf(page, name).waitFor();
});

inBrowser('what is written offline survives a reload, and leaving ends it', async (context) => {
  const page = await enter(context, fresh('ada'), { canCut: true });
  const other = await enter(context, fresh('bob'));
  await goOffline(page);
  const [line, act] = ['line', 'act'].map(fresh);
  await say(page, line);
  await say(page, `/me ${act}`);
  await page.fill('#text', 'half a draft');
  page.socket.isOpen = true;
  for (let reloads = 0; reloads < 2; reloads++) await page.reload();
  await shown(other, act, '.row.action');
  await shown(page, act, '.row.action');
  for (const each of [page, other]) {
    const seen = await texts(each, '.row.said .text, .row.action .text');
    assert.deepEqual(seen.filter((text) => text.includes(line) || text.includes(act)), [line, act]);
  }
  assert.equal(await page.inputValue('#text'), 'half a draft');
  assert.equal(await page.locator('.pending').count(), 0);
  await page.click('#menu summary');
  await page.click('#leave');
  await shown(page, 'You have left the room.', '#fault');
  await page.reload();
  await page.waitForSelector('#door:not([hidden])');
  assert.equal(await page.inputValue('#text'), '');
});

inBrowser('private messages, mentions, names and topics', async (context) => {
  const [ada, bob] = ['ada', 'bob'].map(fresh);
  const one = await enter(context, ada);
  const two = await enter(context, bob);
  await one.locator('#members button', { hasText: bob }).click();
  assert.equal(await one.inputValue('#text'), `/msg ${bob} `);
  await one.fill('#text', 'psst');
  await one.locator('#members button', { hasText: bob }).click();
  assert.equal(await one.inputValue('#text'), `/msg ${bob} psst`);
  await one.press('#text', 'Enter');
  await shown(two, 'psst', '.row.told');
  await shown(one, 'psst', '.row.told.own');
  await one.bringToFront();
  await say(one, `${bob}: look`);
  await shown(two, 'look', '.row.mention');
  await say(one, '/topic engines');
  await shown(two, 'engines', '#topic');
  const carol = fresh('carol');
  await say(one, `/nick ${carol}`);
  await shown(two, `${ada} is now ${carol}`);
  await say(one, '/nick a b');
  await shown(one, 'without spaces', '.row.notice');
  await say(one, '/nonsense');
  await shown(one, 'no command /nonsense', '.row.notice');
  await say(one, '/help');
  await shown(one, '/msg NAME TEXT', '.row.notice');
  await say(one, '//help');
  await shown(two, '/help', '.row.said');
  await say(one, `/msg ${carol}s a private text ${'x'.repeat(60)}`);
  await shown(one, 'nobody here has that name', '.row.notice');
  assert.match(await one.inputValue('#text'), /a private text x{60}$/);
  await say(one, '\n  if indented\n    more\n');
  await shown(two, 'if indented');
  assert.equal((await texts(two)).at(-1), '  if indented\n    more');
  await say(one, 'x'.repeat(9000));
  await shown(one, 'the limit is 8.2 kB', '.row.notice');
  await one.fill('#text', bob.slice(0, -1));
  await one.press('#text', 'Tab');
  assert.equal(await one.inputValue('#text'), `${bob}: `);
});

inBrowser('settings close, and say what the browser does not allow', async (context) => {
  const page = await enter(context, fresh('ada'), { query: '?history=1.5' });
  const isOpen = () => page.locator('#menu').evaluate((menu) => menu.open);
  const box = page.locator('#notify');
  await page.click('#menu summary');
  await page.locator('label', { has: box }).click();
  await shown(page, 'does not allow this page to notify you', '.row.notice');
  assert.equal(await box.isChecked(), false);
  await page.keyboard.press('Escape');
  assert.equal(await isOpen(), false);
  await page.click('#menu summary');
  await page.click('#talk');
  assert.equal(await isOpen(), false);
});

inBrowser('the title counts what is not seen', async (context) => {
  const one = await enter(context, fresh('ada'));
  await one.evaluate(() => {
    Object.defineProperty(document, 'hasFocus', { value: () => false });
  });
  const two = await enter(context, fresh('bob'));
  await say(two, 'first');
  await say(two, 'second');
  await shown(one, 'second');
  await one.waitForFunction(() => document.title.startsWith('(2) '));
  assert.equal(await one.locator('.line.unread').count(), 1);
});

inBrowser('a name that is taken leads to a free one', async (context) => {
  const ada = fresh('ada');
  await enter(context, ada);
  const page = await open(context);
  await page.fill('#name', ada);
  await page.press('#name', 'Enter');
  await shown(page, 'that name is taken', '#fault');
  assert.equal(await page.inputValue('#name'), `${ada}2`);
  await page.click('#enter');
  await page.waitForSelector('#room:not([hidden])');
  await page.click('#menu summary');
  await page.click('#leave');
  await shown(page, 'You have left the room.', '#fault');
});

for (const colorScheme of ['light', 'dark']) {
  for (const viewport of [{ width: 1280, height: 800 }, { width: 360, height: 640 }]) {
    inBrowser(`axe finds nothing, ${colorScheme}, ${viewport.width} wide`, async (context) => {
      assert.deepEqual(await axe(await open(context)), []);
      // The history of other tests would make it long, and find nothing else.
      const [page, bob] = await Promise.all(['ada', 'bob'].map((name) =>
        enter(context, fresh(name), { query: '?history=0' })));
      await say(page, 'hello https://example.org');
      await say(page, '/me waves');
      await say(page, '/help');
      await page.setInputFiles('#files', file(`${fresh('axe')}.png`, content(10)));
      await say(bob, 'a line');
      await shown(page, 'a line');
      await page.click('#menu summary');
      assert.deepEqual(await axe(page), []);
      await page.click('#menu summary');
      if (viewport.width < 760) await page.click('#panel');
      await page.locator('#shelf li').first().waitFor();
      assert.deepEqual(await axe(page), []);
    }, { colorScheme, viewport });
  }
}

for (const height of [640, 320]) {
  inBrowser(`there is room for talk at 360 × ${height}`, async (context) => {
    const page = await enter(context, fresh('ada'));
    await say(page, `a long line ${'of words '.repeat(20)}${'x'.repeat(200)}`);
    await shown(page, 'a long line');
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.equal(width, 360);
    const box = await page.locator('#composer').boundingBox();
    assert.ok(box.y + box.height <= height && box.x >= 0 && box.x + box.width <= 360);
    assert.ok((await page.locator('#talk').boundingBox()).height >= height * 0.6);
    const tap = await page.locator('#composer button').last().boundingBox();
    assert.ok(tap.height >= 32, 'a thumb finds it');
    await page.click('#menu summary');
    const menu = await page.locator('#menu div').boundingBox();
    assert.ok(menu.x >= 0 && menu.x + menu.width <= 360 && menu.y + menu.height <= height);
  }, { ...PHONE, viewport: { width: 360, height }, deviceScaleFactor: 1 });
}

inBrowser('on a phone, the panel gives way to what is done', async (context) => {
  const page = await enter(context, fresh('ada'), { canCut: true });
  const isInert = () => page.locator('#composer').evaluate((it) => it.inert);
  await page.tap('#panel');
  assert.equal(await isInert(), true);
  await page.keyboard.press('Escape');
  assert.equal(await isInert(), false);
  await page.fill('#text', 'a draft');
  await page.tap('#panel');
  await page.locator('#members button').first().tap();
  assert.match(await page.inputValue('#text'), /^\/msg \S+ a draft$/);
  assert.ok(await page.locator('#text').evaluate((text) => text === document.activeElement));
  page.socket.isOpen = false;
  await page.socket.cut();
  const name = `${fresh('slow')}.bin`;
  await page.setInputFiles('#files', file(name, content(1000)));
  const cancel = page.locator('#uploads li', { hasText: name }).getByRole('button');
  await cancel.tap();
  await cancel.waitFor({ state: 'detached' });
}, PHONE);

for (const [locale, join] of [['zh-CN', '加入'], ['zh-TW', '加入'], ['en-GB', 'Join']]) {
  inBrowser(`the page speaks ${locale}`, async (context) => {
    const page = await enter(context, fresh('ada'));
    const shelf = { 'zh-CN': '文件架', 'zh-TW': '檔案架', 'en-GB': 'On the shelf' }[locale];
    await shown(page, shelf, '#shelf-title');
    await page.click('#menu summary');
    await page.selectOption('#language', 'en');
    await shown(page, 'On the shelf', '#shelf-title');
    const next = await open(context);
    assert.equal(await next.textContent('#enter'), 'Join', `and remembers it, not ${join}`);
  }, { locale });
}

inBrowser('all of it works from the keyboard', async (context) => {
  const page = await open(context, { query: '?history=0' });
  await page.keyboard.type(fresh('ada'));
  await page.keyboard.press('Enter');
  await page.waitForSelector('#room:not([hidden])');
  await page.keyboard.type('typed');
  await page.keyboard.press('Enter');
  await shown(page, 'typed');
  const order = [];
  for (let step = 0; step < 8; step++) {
    await page.keyboard.press('Shift+Tab');
    const focused = () => document.activeElement.id || document.activeElement.tagName;
    order.push(await page.evaluate(focused));
  }
  const expected = ['attach', 'talk', 'SUMMARY', 'A'];
  assert.deepEqual(order.slice(0, 4), expected);
});

inBrowser('the first load is small', async (context) => {
  const page = await context.newPage();
  const sizes = [];
  page.on('response', (response) => sizes.push(response.request().sizes()));
  await page.goto(URL_OF_PAGE, { waitUntil: 'networkidle' });
  const all = (await Promise.all(sizes)).map((it) => it.responseBodySize + it.responseHeadersSize);
  const bytes = all.reduce((sum, each) => sum + each, 0);
  assert.ok(bytes > 10_000 && bytes < 100 * 1024, `${bytes} bytes`);
});

test('no module has a way to make elements of text', () => {
  const ui = readdirSync(new URL('../../ui/', import.meta.url)).map((name) => `ui/${name}`);
  const modules = ['app.js', 'link.js', ...ui];
  for (const name of modules) {
    const text = readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
    const unsafe = /innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(/;
    assert.doesNotMatch(text, unsafe, name);
  }
});
