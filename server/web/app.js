// The page: joins what the session tells to what is shown, and what is typed to what it wants.

import { Link } from './link.js';
import { CODE, MESSAGE_BYTES_MAX, fitFileName, textFault } from './protocol.js';
import { Session } from './session.js';
import { LANGUAGES, languageOf, setLanguage, t } from './strings.js';
import { Attention } from './ui/attention.js';
import { complete, helpLines, parse } from './ui/commands.js';
import { $, bdi, colourOf, el, linked, reconcile, sizeText } from './ui/dom.js';
import { Log } from './ui/log.js';
import { Keys, showShelf, showUploads } from './ui/shelf.js';
import { ending, isRedaction, reason, rowOf, say } from './ui/words.js';

const HISTORY_LINES = 300;
const MEMBERS_SHOWN_MAX = 500;
const MESSAGE_LIMIT = `${MESSAGE_BYTES_MAX / 1024} KiB`;
const isPlain = location.protocol === 'http:';
const isThisMachine = /^(localhost|127\..*|\[::1\])$/.test(location.hostname);

const stored = (storage, name) => {
  try {
    return JSON.parse(storage.getItem(name)) ?? {};
  } catch {
    return {};
  }
};
const store = (storage, name, value) => {
  try {
    storage.setItem(name, JSON.stringify(value));
  } catch {
    // Without storage, the page forgets when it is closed.
  }
};

const settings = stored(localStorage, 'settings');
const attention = new Attention();
const keys = new Keys();
const log = new Log($('talk'), $('lines'), $('newest'));
const files = new Map();
const ownItems = new Set();
let session = null;
let link = null;
let isNow = false;
let isRoomDue = false;
let lastSent = '';

function showTexts() {
  const language = settings.language ?? languageOf(navigator.languages ?? []);
  setLanguage(language);
  document.documentElement.lang = language;
  const all = (name, step) => document.querySelectorAll(`[data-${name}]`).forEach((element) =>
    step(element, t(element.dataset[name])));
  all('t', (element, text) => (element.textContent = text));
  all('label', (element, text) => element.setAttribute('aria-label', text));
  all('title', (element, text) => (element.title = text));
  all('hint', (element, text) => (element.placeholder = text));
  $('language').value = language;
}

// The door.

function enter({ name, password, resume }) {
  const history = Number(new URLSearchParams(location.search).get('history') ?? HISTORY_LINES);
  const randomBytes = (count) => crypto.getRandomValues(new Uint8Array(count));
  const maySendPassword = !isPlain || isThisMachine;
  const asked = { nick: name, password, resume, history, maySendPassword };
  const config = { ...asked, random: Math.random, randomBytes, software: 'chatshelf web' };
  session = new Session(config, performance.now());
  link = new Link(session, `${isPlain ? 'ws' : 'wss'}://${location.host}/ws`, refresh);
  [isNow, isRoomDue] = [false, false];
  ownItems.clear();
  log.clear();
  link.run();
}

function knock() {
  const name = $('name').value.trim();
  const password = $('secret').hidden ? undefined : $('password').value;
  if (textFault('nick', name)) return showFault(t('badName'));
  settings.name = name;
  store(localStorage, 'settings', settings);
  showFault('');
  $('enter').disabled = true;
  $('enter').textContent = t('joining');
  if (session?.phase !== 'choosing') return enter({ name, password });
  session.rejoin({ nick: name, password });
  link.run();
}

function showFault(text, suggestion) {
  $('fault').textContent = text;
  $('take').hidden = !suggestion;
  $('take').textContent = suggestion ? t('take', { name: suggestion }) : '';
  $('take').onclick = () => {
    $('name').value = suggestion;
    knock();
  };
  $('enter').disabled = false;
  $('enter').textContent = t('join');
}

function showDoor(text, suggestion) {
  $('room').hidden = true;
  $('door').hidden = false;
  showFault(text, suggestion);
  $($('secret').hidden ? 'name' : 'password').focus();
}

// What the session tells.

const notice = (parts, kind = 'notice') => log.add({ kind, parts: [parts].flat() });

const HANDLERS = {
  joined() {
    $('door').hidden = true;
    $('room').hidden = false;
    isRoomDue = true;
    log.toEnd();
    $('text').focus();
  },
  back: () => notice(t('back')),
  room: () => (isRoomDue = true),
  event: showEvent,
  told({ told: { nick, to, text, at }, isOwn }) {
    const whom = isOwn ? t('toWhom', { nick: to }) : t('privately');
    log.add({ kind: 'told', nick, text, at, to: whom, isOwn, isMention: !isOwn });
    if (!isOwn && attention.line(true, `${nick}: ${text}`, settings)) log.markUnread();
  },
  refused({ refused, entry }) {
    const what = entry?.fields.text;
    notice(what ? [reason(refused), ' — ', bdi(what.slice(0, 60))] : reason(refused));
  },
  offline({ why, attempts }) {
    // A long absence takes few lines: after one attempt, two, four and so on.
    if (attempts === 0 || (attempts & (attempts - 1)) === 0) notice(ending(why, true));
  },
  missed: ({ from, to }) => notice(t('missed', { n: to - from + 1n })),
  gap: ({ from, to }) => notice(t('missed', { n: to - from + 1n })),
  rewound: () => notice(t('rewound')),
  unanswered: ({ entry: { fields } }) =>
    notice(say('unanswered', { what: bdi(fields.text ?? fields.nick ?? fields.topic ?? '/topic -') })),
  nickReplaced: ({ nick, by }) => notice(say('nickReplaced', { nick: bdi(nick), by: bdi(by) })),
  nickRefused: ({ code, suggestion }) => showDoor(reason({ code, suggestion }), suggestion),
  password({ isWrong }) {
    $('secret').hidden = false;
    $('password').value = '';
    showDoor(reason({ code: isWrong ? CODE.PASSWORD_WRONG : CODE.PASSWORD_NEEDED }));
  },
  upload: showUpload,
  over({ why }) {
    const unsent = session.pending.filter(({ name }) => name === 'Say');
    const text = [...unsent.map(({ fields }) => fields.text), $('text').value];
    $('text').value = text.filter(Boolean).join('\n');
    showDoor(ending(why, !$('room').hidden));
  },
};

function showEvent({ event, when }) {
  if (when === 'live') {
    if (!isNow) log.add({ kind: 'line', class: 'now', text: t('now') });
    isNow = true;
    isRoomDue ||= event.frame !== 'Said';
  }
  if (isRedaction(event)) log.redact(event.line);
  const row = rowOf(event, session.nick);
  if (!row) return;
  const isNews = event.frame === 'Said' && when !== 'history' && !row.isOwn;
  const text = `${event.nick}: ${event.text}`;
  if (isNews && attention.line(row.isMention, text, settings)) log.markUnread();
  log.add(row);
}

function showUpload({ what, upload, outcome }) {
  const { id, name, key, sent } = upload;
  const { file, identity } = files.get(id);
  if (what === 'started' || what === 'restarted') keys.keep(identity, key);
  if (what === 'resumed') notice(say('resumed', { name: bdi(name), size: sizeText(sent) }));
  if (what !== 'ended') return;
  files.delete(id);
  const code = outcome.refused?.code;
  const mayResume = [CODE.STALLED, CODE.REPLACED, CODE.TOO_MANY_TRANSFERS].includes(code);
  if (outcome.kind === 'stored') ownItems.add(outcome.item);
  if (outcome.kind !== 'interrupted' && !mayResume) keys.end(identity, outcome.item, key);
  if (outcome.kind !== 'refused' && outcome.kind !== 'failed') return;
  if (code === CODE.CANCELLED) return;
  const why = code === undefined ? t('unreadable') : reason(outcome.refused);
  const retry = el('button', { type: 'button', className: 'quiet' }, t('retry'));
  retry.onclick = () => {
    retry.disabled = true;
    putOnShelf([file]);
  };
  notice([...say('uploadFailed', { name: bdi(name), why }), ' ', retry]);
}

// What is shown of it.

function refresh() {
  for (const event of session.takeEvents()) HANDLERS[event.kind]?.(event);
  if (!isNow && session.phase === 'joined' && session.room.isCaughtUp) {
    isNow = true;
    log.add({ kind: 'line', class: 'now', text: t('now') });
  }
  showStatus();
  const isKept = ({ name }) => name === 'Say' || name === 'Tell';
  const kept = session.pending.filter(isKept).map((entry) => [entry.id, entry]);
  const before = $('pending').childElementCount;
  reconcile($('pending'), new Map(kept), ({ fields }) =>
    el('div', { className: 'row pending' }, el('span', { className: 'tag' }, t('waiting')), ' ',
      el('div', { className: 'text', dir: 'auto' }, ...linked(fields.text))));
  if (kept.length > before) log.toEnd();
  showUploads($('uploads'), session.uploads.all, (id) => {
    session.cancel(id);
    link.run();
  });
  if (isRoomDue && session.room.isReady) showRoom();
}

function showRoom() {
  isRoomDue = false;
  const { members, shelf, topic } = session.room;
  $('topic').replaceChildren(...(topic ? linked(topic.topic) : [t('noTopic')]));
  $('topic').title = topic ? `${topic.topic} (${topic.nick})` : '';
  $('shelf-count').textContent = `${shelf.size} / ${session.limits.shelfItemsMax}`;
  $('here-count').textContent = members.size;
  $('panel').textContent = t('panel', { items: shelf.size, members: members.size });
  $('empty').hidden = shelf.size > 0;
  const isOwn = ({ item }) => ownItems.has(item) || keys.ofItem(item) !== undefined;
  showShelf($('shelf'), shelf, isOwn, takeOff);
  const shown = [...members].slice(0, MEMBERS_SHOWN_MAX).sort((a, b) => a.localeCompare(b));
  const entries = new Map(shown.map((nick) => [`${nick} ${nick === session.nick}`, nick]));
  reconcile($('members'), entries, (nick) => {
    const own = nick === session.nick ? [' ', el('span', { className: 'tag' }, t('you'))] : [];
    const onclick = () => write(`/msg ${nick} `);
    const button = el('button', { type: 'button', className: `nick ${colourOf(nick)}`, onclick });
    button.append(bdi(nick));
    return el('li', {}, button, ...own);
  });
}

let countdown;
function showStatus() {
  const { isOffline, retryAt, phase } = session;
  const isLate = session.isLate && phase === 'joined';
  $('status').hidden = !isOffline && !isLate && session.isJoined;
  clearTimeout(countdown);
  const s = Math.max(0, Math.ceil(((retryAt ?? 0) - performance.now()) / 1000));
  const text = retryAt === null ? t(isLate ? 'late' : 'connecting') : t('offline', { s });
  const [span, button] = $('status').children;
  if (span.textContent !== text) span.textContent = text;
  button.hidden = retryAt === null && !isLate;
  if (retryAt !== null) countdown = setTimeout(showStatus, 1000);
  attention.setTitle(`${location.hostname} · chatshelf`);
}

// What our user does.

const ask = (name, fields) => {
  if (session.ask(name, fields) === null) notice(t('full'));
};

const COMMANDS = {
  say: (text) => ask('Say', { text }),
  me: (text) => ask('Say', { text, style: 1 }),
  msg: (to, text) => ask('Tell', { to, text }),
  nick: (nick) => textFault('nick', nick) ? notice(t('badName')) : ask('Rename', { nick }),
  topic(text) {
    const { topic } = session.room;
    if (text) ask('SetTopic', { topic: text === '-' ? undefined : text });
    else if (!topic) notice(t('noTopic'));
    else notice(say('topicIs', { topic: bdi(topic.topic), nick: bdi(topic.nick) }));
  },
  who() {
    const { members } = session.room;
    const names = [...members].slice(0, MEMBERS_SHOWN_MAX).join(', ');
    notice(say('members', { n: members.size, names: bdi(names) }));
  },
  upload: () => $('files').click(),
  drop(name) {
    const items = [...session.room.shelf.values()];
    const number = /^#?(\d+)$/.exec(name)?.[1];
    const item = items.findLast((it) => it.name === name || String(it.item) === number);
    if (item) takeOff(item);
    else notice(say('noItem', { name: bdi(name) }));
  },
  reconnect: () => session.reconnect(performance.now()),
  clear: () => log.clear(),
  quit: () => session.leave(),
  help: () => helpLines().forEach((line) => notice(line)),
};

function submit() {
  const line = $('text').value.replace(/\r/g, '').trim();
  if (!line || !session.takesCommands) return;
  const { fault, name, args = [] } = parse(line);
  const text = args[args.length - 1];
  const kind = { say: 'message', me: 'message', msg: 'message', topic: 'topic' }[name];
  const isBad = kind && text && textFault(kind, text);
  if (isBad) {
    const limit = kind === 'message' ? MESSAGE_LIMIT : 512;
    const code = isBad === 'long' ? CODE.TEXT_TOO_LONG : CODE.TEXT_INVALID;
    return notice(reason({ code, limit: isBad === 'long' ? limit : undefined }));
  }
  if (fault) return notice(fault);
  lastSent = line;
  write('');
  COMMANDS[name](...args);
  link.run();
}

function write(text) {
  $('text').value = text;
  $('text').dispatchEvent(new Event('input'));
  $('text').focus();
}

function takeOff({ item }) {
  ask('Drop', { item, uploadKey: keys.ofItem(item) });
  link.run();
}

function putOnShelf(list) {
  for (const file of list) {
    const name = fitFileName(file.name);
    const identity = `${name}\n${file.size}\n${file.lastModified}`;
    const modified = file.lastModified >= 0 ? Math.floor(file.lastModified) : undefined;
    const upload = session.uploads.add(name, file.size, modified, keys.of(identity));
    files.set(upload.id, { file, identity });
    link.open(upload.id, file);
  }
  link.run();
}

// A pasted picture has no name of its own.
function pasted(file) {
  const at = new Date().toISOString().replace(/[-:]|\..*/g, '').replace('T', '-');
  const isNamed = file.name && !/^image\.\w+$/.test(file.name);
  if (isNamed) return file;
  return new File([file], `pasted-${at}.${file.type.split('/')[1] ?? 'bin'}`, { type: file.type });
}

function listen() {
  $('join').onsubmit = (event) => (event.preventDefault(), knock());
  $('composer').onsubmit = (event) => (event.preventDefault(), submit());
  $('text').onkeydown = (event) => {
    const { key, isComposing, shiftKey, altKey, ctrlKey } = event;
    // Enter chooses while a word is composed, as in Chinese.
    if (isComposing) return;
    if (key === 'Enter' && !shiftKey && !altKey) submit();
    else if (key === 'ArrowUp' && !$('text').value && lastSent) write(lastSent);
    else if (key === 'Tab' && !shiftKey && !ctrlKey) {
      const members = [...session.room.members].filter((nick) => nick !== session.nick);
      const whole = complete($('text').value, $('text').selectionStart, members);
      if (!whole) return;
      write(whole.text);
      $('text').setSelectionRange(whole.caret, whole.caret);
    } else return;
    event.preventDefault();
  };
  $('text').oninput = () => {
    const lines = Math.min(6, $('text').value.split('\n').length);
    $('text').rows = $('text').value.length > 120 ? Math.max(3, lines) : lines;
  };
  $('attach').onclick = $('put').onclick = () => $('files').click();
  $('files').onchange = () => {
    putOnShelf([...$('files').files]);
    $('files').value = '';
  };
  $('status').querySelector('button').onclick = () => {
    session.reconnect(performance.now());
    link.run();
  };
  $('leave').onclick = () => {
    $('menu').open = false;
    session.leave();
    link.run();
  };
  $('panel').onclick = () => {
    const isOpen = document.body.classList.toggle('panel');
    $('panel').setAttribute('aria-expanded', String(isOpen));
  };
  listenToFiles();
  listenToPage();
}

function listenToFiles() {
  const isFiles = (event) => event.dataTransfer?.types.includes('Files') && session?.takesCommands;
  const mark = (isOver) => document.body.classList.toggle('dropping', isOver);
  addEventListener('dragover', (event) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    mark(true);
  });
  addEventListener('dragleave', (event) => event.relatedTarget ?? mark(false));
  addEventListener('drop', (event) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    mark(false);
    putOnShelf([...event.dataTransfer.files]);
  });
  addEventListener('paste', (event) => {
    const pastes = [...(event.clipboardData?.files ?? [])];
    if (!pastes.length || !session?.takesCommands) return;
    event.preventDefault();
    putOnShelf(pastes.map(pasted));
  });
}

function listenToPage() {
  for (const name of ['sound', 'notify']) {
    $(name).checked = !!settings[name];
    $(name).onchange = async () => {
      settings[name] = $(name).checked;
      store(localStorage, 'settings', settings);
      if (name === 'notify' && settings.notify) await Notification.requestPermission();
    };
  }
  const options = Object.entries(LANGUAGES).map(([value, text]) => el('option', { value }, text));
  $('language').append(...options);
  $('language').onchange = () => {
    settings.language = $('language').value;
    store(localStorage, 'settings', settings);
    showTexts();
    if (session?.limits) showRoom();
  };
  // Over plain HTTP, browsers have no notifications.
  $('notify').parentElement.hidden = !globalThis.Notification || !globalThis.isSecureContext;
  const wake = () => {
    if (document.hidden || !session) return;
    session.wake(performance.now());
    link.run();
  };
  document.addEventListener('visibilitychange', wake);
  addEventListener('online', wake);
  // A page that is loaded again is the same member. The key is there only in between, so that a
  // tab that is duplicated does not take the membership over.
  addEventListener('pagehide', () => {
    if (!session?.takesCommands) return;
    store(sessionStorage, 'member', { name: session.nick, resume: [...session.resume] });
  });
}

document.querySelectorAll('.host').forEach((element) => (element.textContent = location.host));
document.querySelectorAll('.plain').forEach((element) => (element.hidden = !isPlain));
listen();
showTexts();
$('name').value = settings.name ?? '';
const { name, resume } = stored(sessionStorage, 'member');
sessionStorage.removeItem('member');
if (name) enter({ name, resume: Uint8Array.from(resume) });
else showDoor('');
