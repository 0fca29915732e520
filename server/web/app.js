// The page: connects the session's events to what is shown, and what is typed to the session's
// commands.

import { Link } from './link.js';
import { ACTION, CODE, fitFileName, textFault } from './protocol.js';
import { Session } from './session.js';
import { isTalk } from './session/pending.js';
import { languageOf, setLanguage, setTexts, t } from './strings.js';
import { Attention, canNotify } from './ui/attention.js';
import { complete, helpLines, parse } from './ui/commands.js';
import { $, bdi, capital, colourOf, el, linked, reconcile, say, sizeText } from './ui/dom.js';
import { Log } from './ui/log.js';
import { banParts, looksLikeAddress, secondsOf, whomOf } from './ui/moderation.js';
import { button, showShelf, showUploads } from './ui/shelf.js';
import { keys, load, reload, save } from './ui/storage.js';
import { ending, reason, rowOf } from './ui/words.js';

const HISTORY_LINES = 300;
const MEMBERS_SHOWN_MAX = 500;
const ROOM_DELAY_MS = 50;
// After that many attempts in vain, a reload may be what is needed.
const ATTEMPTS_WITHOUT_RELOAD = 3;
const isPlain = location.protocol === 'http:';
const maySendPassword = !isPlain || /^(localhost|127\..*|\[::1\])$/.test(location.hostname);

const settings = load('localStorage', 'settings');
// As in style.css: the panel covers the talk.
const isNarrow = matchMedia('(max-width: 900px)');
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
    for (const element of document.querySelectorAll(`[data-${name}]`)) {
      element[property] = t(element.dataset[name]);
    }
  }
}

// The door.

function enter({ name: nick, password, resume, unsent }) {
  const lines = new URLSearchParams(location.search).get('history');
  const history = /^\d{1,9}$/.test(lines) ? Number(lines) : HISTORY_LINES;
  const randomBytes = (count) => crypto.getRandomValues(new Uint8Array(count));
  const asked = { nick, password, resume, unsent, history, maySendPassword };
  const config = { ...asked, software: 'chatshelf web', random: Math.random, randomBytes };
  session = new Session(config, performance.now());
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
  showFault('');
  $('enter').disabled = true;
  $('enter').textContent = t('joining');
  if (isAsked) act(() => session.rejoin({ nick: name, password }));
  else enter({ name, password });
}

// A name that is free takes the place of one that is not.
function showFault(text, suggestion, isCalm = false) {
  $('fault').textContent = capital(text);
  $('fault').classList.toggle('calm', isCalm);
  if (suggestion) $('name').value = suggestion;
  $('enter').disabled = false;
  $('enter').textContent = t('join');
}

function showRoom() {
  if ($('door').hidden) return;
  [$('door').hidden, $('room').hidden] = [true, false];
  log.toEnd();
  fitRows();
  $('text').focus();
}

function showDoor(text, suggestion, isCalm) {
  [$('door').hidden, $('room').hidden] = [false, true];
  showFault(text, suggestion, isCalm);
  $($('secret').hidden ? 'name' : 'password').focus();
}

// The session's events.

function notice(said, row = {}) {
  const parts = [said].flat().map((part, at) => at || part.nodeType ? part : capital(part));
  log.add({ kind: 'notice', parts, ...row });
}
const UNREAD = () => ({ kind: 'line', text: t('unread'), isUnread: true });
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
    const row = { kind: 'told', nick, text, at, to: whom, isOwn, isMention: !isOwn };
    if (isOwn) log.add(row);
    else addNews(row);
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
  nickRefused: ({ code, suggestion }) => showDoor(reason({ code, suggestion }), suggestion),
  password({ isWrong }) {
    $('secret').hidden = false;
    $('password').value = '';
    const code = isWrong ? CODE.PASSWORD_WRONG : CODE.PASSWORD_NEEDED;
    showDoor(reason({ code }), undefined, !isWrong);
  },
  over({ why }) {
    hasLeft = why.kind === 'left';
    const lost = takeBack(session.pending.filter(isTalk));
    const unanswered = lost.map(({ typed }) => t('unanswered', { what: typed }));
    const text = [ending(why, !$('room').hidden), ...unanswered].join('\n');
    showDoor(text, undefined, hasLeft);
  },
};

// What was not delivered comes back into the field; except private messages beside others, so that
// they are not sent to all.
function takeBack(unsent) {
  const isAlone = unsent.length === 1 && !$('text').value;
  const isBack = ({ name }) => isAlone || name === 'Say';
  const texts = unsent.filter(isBack).map(({ typed }) => typed);
  $('text').value = [...texts, $('text').value].filter(Boolean).join('\n');
  return unsent.filter((entry) => !isBack(entry));
}

// A line of somebody else.
function addNews(row) {
  if (attention.line()) log.add(UNREAD());
  log.add(row);
  if (row.isMention) attention.call(`${row.nick}: ${row.text}`, settings);
}

function showNow() {
  if (!isNow) log.add({ kind: 'line', text: t('now') });
  isNow = true;
}

function showEvent({ event, when }) {
  if (when === 'live') {
    showNow();
    if (event.frame !== 'Said') roomHasChanged();
  }
  if (event.action === ACTION.REDACT) {
    log.redact(event.line);
    // That line may be what we typed last, or what we were notified about.
    attention.forget();
    lastSent = '';
  }
  const row = rowOf(event, session.nick);
  if (!row) return;
  if (event.frame === 'Said' && when !== 'history' && !row.isOwn) addNews(row);
  else log.add(row);
}

function showUpload({ what, upload, outcome }) {
  const { id, name, key, sent } = upload;
  const { file, identity } = files.get(id);
  if (what === 'restarted') keys.keep(identity, key);
  if (what === 'resumed') notice(say('resumed', { name: bdi(name), size: sizeText(sent) }));
  if (what !== 'ended') return;
  files.delete(id);
  const code = outcome.refused?.code;
  const mayResume = [CODE.STALLED, CODE.REPLACED, CODE.TOO_MANY_TRANSFERS].includes(code);
  if (outcome.kind === 'stored') ownItems.add(outcome.item);
  if (outcome.kind !== 'interrupted' && !mayResume) keys.end(identity, outcome.item, key);
  if ((code === undefined && outcome.kind !== 'failed') || code === CODE.CANCELLED) return;
  const broken = outcome.why === 'reader' ? t('noReader') : t('unreadable');
  const why = code === undefined ? broken : reason(outcome.refused);
  const retry = button('retry', name, () => {
    retry.disabled = true;
    putOnShelf([file]);
  });
  const isInVain = code === CODE.FILE_TOO_LARGE || code === CODE.FILE_NAME_INVALID;
  notice([...say('uploadFailed', { name: bdi(name), why }), ' ', ...(isInVain ? [] : [retry])]);
}

// What is shown of it.

function refresh() {
  for (const event of session.takeEvents()) isolated(() => HANDLERS[event.kind]?.(event));
  if (session.phase === 'joined' && session.room.isCaughtUp) showNow();
  showStatus();
  showPending();
  showUploads($('uploads'), session.uploads.all, (id) => act(() => session.uploads.cancel(id)));
}

// An error is reported, and nothing else is lost by it.
function isolated(step) {
  try {
    step();
  } catch (error) {
    reportError(error);
  }
}

function showPending() {
  const kept = session.pending.filter(isTalk);
  const before = $('pending').childElementCount;
  reconcile($('pending'), new Map(kept.map((entry) => [entry.id, entry])), ({ fields }) =>
    el('div', { className: 'row pending' }, el('span', { className: 'tag' }, t('waiting')), ' ',
      el('div', { className: 'text', dir: 'auto' }, ...linked(fields.text))));
  if (kept.length > before) log.toEnd();
}

// Many may come and go at once: the lists are not rebuilt for each of them.
function roomHasChanged() {
  roomTimer ??= setTimeout(() => {
    roomTimer = null;
    if (session?.takesCommands) showLists();
  }, ROOM_DELAY_MS);
}

function showLists() {
  const { members, shelf, topic } = session.room;
  $('topic').replaceChildren(...(topic ? linked(topic.topic) : []));
  $('topic').title = topic ? `${topic.topic} (${topic.nick})` : '';
  $('shelf-count').textContent = `${shelf.size} / ${session.limits.shelfItemsMax}`;
  $('here-count').textContent = members.size;
  $('panel').textContent = t('panel', { items: shelf.size, members: members.size });
  $('empty').hidden = shelf.size > 0;
  const isOwn = ({ item }) => ownItems.has(item) || keys.ofItem(item) !== undefined;
  showShelf($('shelf'), shelf, isOwn, takeOff);
  const named = [...members].slice(0, MEMBERS_SHOWN_MAX).sort((a, b) => a.localeCompare(b));
  const entries = new Map(named.map((nick) => [`${nick} ${nick === session.nick}`, nick]));
  reconcile($('members'), entries, (nick) => {
    const own = nick === session.nick ? [' ', el('span', { className: 'tag' }, t('you'))] : [];
    const onclick = () => writeTo(nick);
    const properties = { type: 'button', className: `nick ${colourOf(nick)}`, onclick };
    return el('li', {}, el('button', properties, bdi(nick)), ...own);
  });
}

function showStatus() {
  const { isJoined, retryAt, isLate } = session;
  const s = Math.max(0, Math.ceil(((retryAt ?? 0) - performance.now()) / 1000));
  // The browser may trust the server's own key for a while only, and asks again on a reload.
  const offline = isPlain || session.attempts < ATTEMPTS_WITHOUT_RELOAD ? 'offline' : 'offlineLong';
  const text = t(retryAt !== null ? offline : isLate ? 'late' : 'connecting');
  const [span, clock, now] = $('status').children;
  $('status').hidden = isJoined && !isLate;
  // Only what changes is read aloud, and never the seconds.
  if (span.textContent !== text) span.textContent = text;
  clock.textContent = retryAt === null ? '' : t('retrying', { s });
  now.hidden = retryAt === null && !isLate;
}

// What our user does.

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

function becomeOperator() {
  const password = $('op-password').value;
  $('op-password').value = '';
  if (!$('op').returnValue) return;
  if (textFault('password', password)) notice(reason({ code: CODE.PASSWORD_WRONG }));
  else command('Op', { password }, '/op');
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
  write('');
  COMMANDS[name](args);
}

function write(text) {
  fillIn(text);
  $('text').focus();
}

function fillIn(text) {
  $('text').value = text;
  fitRows();
}

// What is in the field already becomes a message to this member.
function writeTo(nick) {
  showPanel(false);
  write(`/msg ${nick} ${$('text').value.replace(/^\/(msg|tell) \S+ ?/i, '')}`);
}

function fitRows() {
  const text = $('text');
  text.rows = 1;
  while (text.rows < 6 && text.scrollHeight > text.clientHeight) text.rows += 1;
}

function takeOff({ item }) { ask('Drop', { item, uploadKey: keys.ofItem(item) }, ''); }

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

// A pasted picture has no name of its own.
function named(file) {
  const at = new Date().toISOString().slice(0, 19).replace(/\D/g, '');
  const name = file.name.replace(/^image(?=\.\w+$)/, `pasted-${at}`);
  return new File([file], name, file);
}

function pressed(event) {
  const { key, isComposing, keyCode, shiftKey, altKey, ctrlKey } = event;
  const text = $('text');
  // While a word is composed, as in Chinese, Enter chooses from the suggestions; to Safari the word
  // is over by then, and only the code tells.
  if (isComposing || keyCode === 229) return;
  if (key === 'Enter' && !shiftKey && !altKey) submit();
  else if (key === 'ArrowUp' && !text.value && lastSent) write(lastSent);
  else if (key === 'Tab' && !shiftKey && !ctrlKey) {
    const members = [...session.room.members].filter((nick) => nick !== session.nick);
    const whole = complete(text.value, text.selectionStart, members);
    if (!whole) return;
    write(whole.text);
    text.setSelectionRange(whole.caret, whole.caret);
  } else return;
  event.preventDefault();
}

function listen() {
  $('join').onsubmit = (event) => (event.preventDefault(), knock());
  $('composer').onsubmit = (event) => (event.preventDefault(), submit());
  $('text').onkeydown = pressed;
  $('text').oninput = fitRows;
  $('attach').onclick = $('put').onclick = () => $('files').click();
  $('files').onchange = () => {
    putOnShelf([...$('files').files]);
    $('files').value = '';
  };
  $('status').querySelector('button').onclick = COMMANDS.reconnect;
  $('leave').onclick = COMMANDS.quit;
  $('op').onclose = becomeOperator;
  $('topic').onclick = () => $('topic').classList.toggle('whole');
}

const isPanelOpen = () => document.body.classList.contains('panel');

// What the panel covers cannot be reached.
function showPanel(isOpen) {
  document.body.classList.toggle('panel', isOpen);
  $('panel').setAttribute('aria-expanded', isOpen);
  for (const part of [$('talk'), $('composer')]) part.inert = isOpen && isNarrow.matches;
}

function closeMenu() {
  $('menu').open = false;
  $('menu').querySelector('summary').focus();
}

function listenToOverlays() {
  $('panel').onclick = () => showPanel(!isPanelOpen());
  isNarrow.onchange = () => showPanel(isPanelOpen());
  addEventListener('pointerdown', ({ target }) => {
    if (!$('menu').contains(target)) $('menu').open = false;
  });
  addEventListener('keydown', ({ key, isComposing }) => {
    if (key !== 'Escape' || isComposing) return;
    if ($('menu').open) closeMenu();
    else if (isPanelOpen()) {
      showPanel(false);
      $('panel').focus();
    }
  });
}

function listenToFiles() {
  const isFiles = (event) => event.dataTransfer?.types.includes('Files') && session?.takesCommands;
  const mark = (isOver) => document.body.classList.toggle('dropping', isOver);
  const takes = (type, step) => addEventListener(type, (event) => {
    if (!isFiles(event)) return;
    event.preventDefault();
    step(event);
  });
  takes('dragover', () => mark(true));
  takes('drop', (event) => {
    mark(false);
    putOnShelf([...event.dataTransfer.files]);
  });
  addEventListener('dragleave', (event) => event.relatedTarget ?? mark(false));
  addEventListener('paste', (event) => {
    const pasted = [...(event.clipboardData?.files ?? [])];
    if (!pasted.length || !session?.takesCommands) return;
    // Cells of a table come as a picture too. With a file, some systems give its name.
    const text = event.clipboardData.getData('text/plain').trim();
    if (text && !pasted.some((file) => text.includes(file.name))) return;
    event.preventDefault();
    putOnShelf(pasted.map(named));
  });
}

function listenToSettings() {
  for (const name of ['sound', 'notify']) {
    $(name).checked = settings[name] === true;
    $(name).onchange = () => set(name, $(name).checked);
  }
  $('notify').onchange = async () => {
    set('notify', $('notify').checked);
    if (!settings.notify || await Notification.requestPermission() === 'granted') return;
    set('notify', $('notify').checked = false);
    notice(t('notifyRefused'));
  };
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

function listenToPage() {
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

function keepForReload() {
  const { phase, resume, nick: name, unsent } = session ?? {};
  const isOn = resume && phase !== 'leaving' && phase !== 'over';
  const draft = hasLeft ? '' : $('text').value;
  reload.keep(isOn ? { name, resume: [...resume], unsent, draft } : { draft });
}

setTexts(await (await fetch('strings.txt')).text());
document.querySelectorAll('.host').forEach((element) => (element.textContent = location.host));
document.querySelectorAll('.plain').forEach((element) => (element.hidden = !isPlain));
const steps = [listen, listenToOverlays, listenToFiles, listenToSettings, listenToPage, showTexts];
steps.forEach((step) => step());
$('name').value = settings.name ?? '';
const { name, resume, unsent, draft = '' } = reload.take();
$('text').value = draft;
showDoor('');
if (name) enter({ name, unsent, resume: Uint8Array.from(resume) });
