// The page: connects the session's events to what is shown, and what is typed to its commands.

import { Link } from './link.js';
import { ACTION, CODE, fitFileName, textFault } from './protocol.js';
import { Session } from './session.js';
import { isTalk } from './session/pending.js';
import { languageOf, setLanguage, setTexts, t } from './strings.js';
import { Attention, canNotify } from './ui/attention.js';
import { complete, helpLines, parse } from './ui/commands.js';
import { $, bdi, capital, say, sizeText } from './ui/dom.js';
import { listenToFiles } from './ui/files.js';
import { Log } from './ui/log.js';
import { banParts, looksLikeAddress, secondsOf, whomOf } from './ui/moderation.js';
import { listenToOverlays, showPanel } from './ui/overlays.js';
import { MEMBERS_SHOWN_MAX, showLists, showPending, showStatus } from './ui/room.js';
import { button, showUploads } from './ui/shelf.js';
import { keys, load, reload, save } from './ui/storage.js';
import { ending, reason, rowOf } from './ui/words.js';

const HISTORY_LINES = 300;
const ROOM_DELAY_MS = 50;
// Why an upload may have ended that can be resumed later, and why it is not worth another try.
const MAY_RESUME = [CODE.STALLED, CODE.REPLACED, CODE.TOO_MANY_TRANSFERS];
const IN_VAIN = [CODE.FILE_TOO_LARGE, CODE.FILE_NAME_INVALID];
const isPlain = location.protocol === 'http:';
const maySendPassword = !isPlain || /^(localhost|127\..*|\[::1\])$/.test(location.hostname);
const settings = load('localStorage', 'settings');
const attention = new Attention(`${location.hostname} · chatshelf`);
const log = new Log($('talk'), $('lines'), $('newest'));
// The file of each upload, and what it is recognised by when it is chosen again.
const files = new Map();
const ownItems = new Set();
let [session, link, roomTimer] = [null, null, null];
let [isNow, hasLeft, lastSent] = [false, false, ''];

function set(name, value) {
  settings[name] = value;
  save('localStorage', 'settings', settings);
}

function showTexts() {
  const language = settings.language ?? languageOf(navigator.languages ?? []);
  setLanguage(language);
  document.documentElement.lang = $('language').value = language;
  const places = { t: 'textContent', label: 'ariaLabel', hint: 'placeholder', title: 'title' };
  for (const [name, property] of Object.entries(places)) {
    const elements = document.querySelectorAll(`[data-${name}]`);
    elements.forEach((element) => (element[property] = t(element.dataset[name])));
  }
}

function enter({ name: nick, password, resume, unsent }) {
  const lines = new URLSearchParams(location.search).get('history');
  const history = /^\d{1,9}$/.test(lines) ? Number(lines) : HISTORY_LINES;
  const randomBytes = (count) => crypto.getRandomValues(new Uint8Array(count));
  const asked = { nick, password, resume, unsent, history, maySendPassword };
  session = new Session({ ...asked, random: Math.random, randomBytes }, performance.now());
  link = new Link(session, `${isPlain ? 'ws' : 'wss'}://${location.host}/ws`, refresh);
  $('menu').open = isNow = hasLeft = false;
  ownItems.clear();
  log.clear();
  link.run();
}

function knock() {
  const name = $('name').value.trim();
  const password = $('secret').hidden ? undefined : $('password').value;
  if (textFault('nick', name)) return showFault(t('badName'));
  const isWrong = password !== undefined && textFault('password', password);
  if (isWrong) return showFault(reason({ code: CODE.PASSWORD_WRONG }));
  set('name', name);
  const isAsked = session?.phase === 'choosing';
  // A session that still tries to come back gives way.
  if (session && !isAsked) COMMANDS.quit();
  showFault('', { isBusy: true });
  if (isAsked) act(() => session.rejoin({ nick: name, password }));
  else enter({ name, password });
}

function showFault(text, { isCalm = false, isBusy = false } = {}) {
  $('fault').textContent = capital(text);
  $('fault').classList.toggle('calm', isCalm);
  $('enter').disabled = isBusy;
  $('enter').textContent = t(isBusy ? 'joining' : 'join');
}

function showRoom() {
  if ($('door').hidden) return;
  [$('door').hidden, $('room').hidden] = [true, false];
  log.toEnd();
  fitRows();
  $('text').focus();
}

function showDoor(text, isCalm) {
  [$('door').hidden, $('room').hidden] = [false, true];
  showFault(text, { isCalm });
  $($('secret').hidden ? 'name' : 'password').focus();
}

function notice(said, row = {}) {
  const parts = [said].flat().map((part, at) => at || part.nodeType ? part : capital(part));
  log.add({ kind: 'notice', parts, ...row });
}
const noticeMissed = ({ from, to }) => notice(t('missed', { n: to - from + 1n }));
const HANDLERS = {
  joined: showRoom,
  back: () => (showRoom(), notice(t('back'))),
  room: roomHasChanged,
  event: showEvent,
  missed: noticeMissed,
  gap: noticeMissed,
  rewound: () => notice(t('rewound')),
  upload: showUpload,
  told({ told: { nick, to, text, at }, isOwn }) {
    const whom = isOwn ? t('toWhom', { nick: to }) : t('privately');
    addRow({ kind: 'told', nick, text, at, to: whom, isOwn, isMention: !isOwn }, !isOwn);
  },
  refused({ refused, entry }) {
    const what = entry?.typed;
    notice(what ? [reason(refused), ' — ', bdi(what)] : reason(refused));
    if (what && isTalk(entry) && !$('text').value) fillIn(what);
  },
  offline({ why, attempts }) {
    if ($('room').hidden) showFault(ending(why, false));
    // A long absence takes one row.
    if (attempts === 0) notice(ending(why, true), { isAmendable: true });
    else notice(t('attempts', { n: attempts, why: ending(why, false) }), { kind: 'amendment' });
  },
  bans({ bans }) {
    notice(bans.length ? t('bans', { n: bans.length }) : t('noBans'));
    bans.forEach((ban) => notice(banParts(ban)));
  },
  unanswered: ({ entry }) => notice(say('unanswered', { what: bdi(entry.typed) })),
  nickReplaced: ({ nick, by }) => notice(say('nickReplaced', { nick: bdi(nick), by: bdi(by) })),
  nickRefused({ code, suggestion }) {
    if (suggestion) $('name').value = suggestion;
    showDoor(reason({ code, suggestion }));
  },
  password({ isWrong }) {
    $('secret').hidden = false;
    $('password').value = '';
    const code = isWrong ? CODE.PASSWORD_WRONG : CODE.PASSWORD_NEEDED;
    showDoor(reason({ code }), !isWrong);
  },
  over({ why }) {
    hasLeft = why.kind === 'left';
    const lost = takeBack(session.pending.filter(isTalk));
    const unanswered = lost.map(({ typed }) => t('unanswered', { what: typed }));
    const text = [ending(why, !$('room').hidden), ...unanswered].join('\n');
    showDoor(text, hasLeft);
  },
};

// What was not delivered comes back into the field, but no private message beside another text.
function takeBack(unsent) {
  const isAlone = unsent.length === 1 && !$('text').value;
  const isBack = ({ name }) => isAlone || name === 'Say';
  const texts = unsent.filter(isBack).map(({ typed }) => typed);
  $('text').value = [...texts, $('text').value].filter(Boolean).join('\n');
  return unsent.filter((entry) => !isBack(entry));
}

// News are lines of others, from now or from while we were away.
function addRow(row, isNews) {
  if (isNews && attention.line()) log.add({ kind: 'line', text: t('unread'), isUnread: true });
  log.add(row);
  if (isNews && row.isMention) attention.call(`${row.nick}: ${row.text}`, settings);
}

function showNow() {
  if (!isNow) log.add({ kind: 'line', text: t('now') });
  isNow = true;
}

function showEvent({ event, when }) {
  if (when === 'live') showNow();
  if (when === 'live' && event.frame !== 'Said') roomHasChanged();
  if (event.action === ACTION.REDACT) {
    log.redact(event.line);
    // That line may be what we typed last, or what we were notified about.
    attention.forget();
    lastSent = '';
  }
  const row = rowOf(event, session.nick);
  if (row) addRow(row, event.frame === 'Said' && when !== 'history' && !row.isOwn);
}

function showUpload({ what, upload, outcome }) {
  const { id, name, key, sent } = upload;
  const { file, identity } = files.get(id);
  if (what === 'restarted') keys.keep(identity, key);
  if (what === 'resumed') notice(say('resumed', { name: bdi(name), size: sizeText(sent) }));
  if (what !== 'ended') return;
  files.delete(id);
  const { kind, item, refused, why: fault } = outcome;
  const code = refused?.code;
  if (kind === 'stored') ownItems.add(item);
  if (kind !== 'interrupted' && !MAY_RESUME.includes(code)) keys.end(identity, item, key);
  if ((!refused && kind !== 'failed') || code === CODE.CANCELLED) return;
  const why = refused ? reason(refused) : t(fault === 'reader' ? 'noReader' : 'unreadable');
  const retry = button('retry', name, () => {
    retry.disabled = true;
    putOnShelf([file]);
  });
  const parts = say('uploadFailed', { name: bdi(name), why });
  notice(IN_VAIN.includes(code) ? parts : [...parts, ' ', retry]);
}

function refresh() {
  for (const event of session.takeEvents()) {
    // An error is reported, and nothing else is lost by it.
    try {
      HANDLERS[event.kind]?.(event);
    } catch (error) {
      reportError(error);
    }
  }
  if (session.phase === 'joined' && session.room.isCaughtUp) showNow();
  showStatus(session, isPlain);
  if (showPending(session)) log.toEnd();
  showUploads($('uploads'), session.uploads.all, (id) => act(() => session.uploads.cancel(id)));
}

// Many may come and go at once: the lists are not rebuilt for each of them.
function roomHasChanged() {
  roomTimer ??= setTimeout(() => {
    roomTimer = null;
    const isOwn = ({ item }) => ownItems.has(item) || keys.ofItem(item) !== undefined;
    if (session?.takesCommands) showLists(session, { isOwn, takeOff, writeTo });
  }, ROOM_DELAY_MS);
}

function act(step) {
  step();
  link.run();
}

function ask(name, fields, typed = lastSent) {
  const entry = session.ask(name, fields);
  if (entry) entry.typed = typed;
  else notice(t('full'));
  link.run();
}

// What only operators may do; the server knows who is one.
function command(name, fields, typed) {
  if (session.mayModerate) ask(name, fields, typed);
  else notice(t('noOperators'));
}

function moderate(action, { note, ...fields } = {}) {
  command('Moderate', { action, reason: note || undefined, ...fields });
}

const COMMANDS = {
  say: ({ message }) => ask('Say', { text: message }),
  me: ({ message }) => ask('Say', { text: message, style: 1 }),
  msg: ({ nick, message }) => ask('Tell', { to: nick, text: message }),
  nick: ({ nick }) => ask('Rename', { nick }),
  topic({ topic: text }) {
    const { topic } = session.room;
    if (text) ask('SetTopic', { topic: text === '-' ? undefined : text });
    else if (!topic) notice(t('noTopic'));
    else notice(say('topicIs', { topic: bdi(topic.topic), nick: bdi(topic.nick) }));
  },
  who() {
    const names = [...session.room.members].slice(0, MEMBERS_SHOWN_MAX).join(', ');
    notice(say('members', { n: session.room.members.size, names: bdi(names) }));
  },
  upload: () => $('files').click(),
  drop({ item: name }) {
    const isIt = (item) => item.name === name || String(item.item) === name.replace(/^#/, '');
    const item = [...session.room.shelf.values()].findLast(isIt);
    if (item) takeOff(item);
    else notice(say('noItem', { name: bdi(name) }));
  },
  reconnect: () => act(() => session.reconnect(performance.now())),
  clear: () => log.clear(),
  quit: () => act(() => session.leave()),
  help: () => helpLines().forEach((line) => notice(line)),
  op() {
    if (!maySendPassword) return notice(t('opUnsafe'));
    $('op').returnValue = '';
    $('op').showModal();
  },
  kick: ({ nick, note }) => moderate(ACTION.KICK, { to: nick, note }),
  ban({ whom, time, note }) {
    const { to, address } = whomOf(whom);
    // Only a member may have such a name.
    const isName = !to || !looksLikeAddress(to) || session.room.members.has(to);
    if (isName) moderate(ACTION.BAN, { to, address, seconds: secondsOf(time), note });
    else notice(t('badAddress', { whom }));
  },
  unban: ({ number }) => moderate(ACTION.UNBAN, { ban: BigInt(number) }),
  bans: () => command('BansRequest'),
  redact({ line, nick, nth = 1 }) {
    const found = line === undefined ? log.lineOf(nick, nth) : BigInt(line);
    if (found === undefined) notice(t('noLine'));
    else moderate(ACTION.REDACT, { line: found });
  },
  lock: () => moderate(ACTION.LOCK_TOPIC),
  unlock: () => moderate(ACTION.UNLOCK_TOPIC),
};

function submit() {
  const text = $('text').value.replace(/\r/g, '');
  const trimmed = text.trim();
  // Of several lines, as of code, the first may be indented.
  const isBlock = trimmed.includes('\n') && !trimmed.startsWith('/');
  const line = isBlock ? text.replace(/^\s*\n/, '').trimEnd() : trimmed;
  if (!line || !session.takesCommands) return;
  const { name, args, fault } = parse(line);
  if (fault) return notice(fault);
  lastSent = line;
  fillIn('', true);
  COMMANDS[name](args);
}

function fillIn(text, isFocused = false) {
  $('text').value = text;
  fitRows();
  if (isFocused) $('text').focus();
}

// What is in the field already becomes a message to this member.
function writeTo(nick) {
  showPanel(false);
  fillIn(`/msg ${nick} ${$('text').value.replace(/^\/(msg|tell) \S+ ?/i, '')}`, true);
}

function fitRows() {
  const text = $('text');
  for (text.rows = 1; text.rows < 6 && text.scrollHeight > text.clientHeight; ) text.rows += 1;
}

const takeOff = ({ item }) => ask('Drop', { item, uploadKey: keys.ofItem(item) }, '');

function putOnShelf(list) {
  showPanel(false);
  for (const file of list) {
    const name = fitFileName(file.name);
    const identity = `${name}\n${file.size}\n${file.lastModified}`;
    const modified = file.lastModified >= 0 ? Math.floor(file.lastModified) : undefined;
    const upload = session.uploads.add(name, file.size, modified, keys.of(identity));
    files.set(upload.id, { file, identity });
    keys.keep(identity, upload.key);
    link.open(upload.id, file);
  }
  link.run();
}

function pressed(event) {
  const { key, isComposing, keyCode, shiftKey, altKey, ctrlKey } = event;
  const text = $('text');
  // While a word is composed, as in Chinese, Enter chooses from the suggestions; to Safari the word
  // is over by then, and only the code tells.
  if (isComposing || keyCode === 229) return;
  if (key === 'Enter' && !shiftKey && !altKey) submit();
  else if (key === 'ArrowUp' && !text.value && lastSent) fillIn(lastSent, true);
  else if (key === 'Tab' && !shiftKey && !ctrlKey) {
    const members = [...session.room.members].filter((nick) => nick !== session.nick);
    const whole = complete(text.value, text.selectionStart, members);
    if (!whole) return;
    fillIn(whole.text, true);
    text.setSelectionRange(whole.caret, whole.caret);
  } else return;
  event.preventDefault();
}

function listen() {
  $('join').onsubmit = (event) => (event.preventDefault(), knock());
  $('composer').onsubmit = (event) => (event.preventDefault(), submit());
  $('text').onkeydown = pressed;
  $('text').oninput = fitRows;
  $('status').querySelector('button').onclick = COMMANDS.reconnect;
  $('leave').onclick = COMMANDS.quit;
  $('op').onclose = () => {
    const password = $('op-password').value;
    $('op-password').value = '';
    if (!$('op').returnValue) return;
    if (textFault('password', password)) notice(reason({ code: CODE.PASSWORD_WRONG }));
    else command('Op', { password }, '/op');
  };
  $('topic').onclick = () => $('topic').classList.toggle('whole');
  listenToFiles(() => session?.takesCommands, putOnShelf);
  listenToOverlays();
  listenToSettings();
  const wake = () => session && act(() => session.wake(performance.now()));
  // A page that is loaded again is the same member, with what it has written. The key is there only
  // while nobody looks, so that a tab that is duplicated does not take the membership over.
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return keepForReload();
    reload.take();
    wake();
  });
  addEventListener('pagehide', keepForReload);
  addEventListener('online', wake);
}

function listenToSettings() {
  for (const name of ['sound', 'notify']) {
    $(name).checked = settings[name] === true;
    $(name).onchange = () => set(name, $(name).checked);
  }
  $('notify').addEventListener('change', async () => {
    if (!settings.notify || await Notification.requestPermission() === 'granted') return;
    set('notify', $('notify').checked = false);
    notice(t('notifyRefused'));
  });
  // Over plain HTTP, browsers have no notifications.
  $('notify').parentElement.hidden = !canNotify();
  $('language').onchange = () => {
    set('language', $('language').value);
    showTexts();
    // These have texts in each of their rows.
    ['shelf', 'members', 'uploads', 'pending'].forEach((list) => $(list).replaceChildren());
    roomHasChanged();
    refresh();
  };
}

function keepForReload() {
  const { phase, resume, isOver, nick: name, unsent } = session ?? {};
  const isOn = resume && phase !== 'leaving' && !isOver;
  const draft = hasLeft ? '' : $('text').value;
  reload.keep(isOn ? { name, resume: [...resume], unsent, draft } : { draft });
}

setTexts(await (await fetch('strings.txt')).text());
document.querySelectorAll('.host').forEach((element) => (element.textContent = location.host));
document.querySelectorAll('.plain').forEach((element) => (element.hidden = !isPlain));
listen();
showTexts();
$('name').value = settings.name ?? '';
const { name, resume, unsent, draft = '' } = reload.take();
$('text').value = draft;
showDoor('');
if (name) enter({ name, unsent, resume: Uint8Array.from(resume) });
