// What is shown of a session beside the conversation.

import { isTalk } from '../session/pending.js';
import { t } from '../strings.js';
import { $, bdi, colourOf, el, linked, reconcile } from './dom.js';
import { showShelf } from './shelf.js';

export const MEMBERS_SHOWN_MAX = 500;
// After that many attempts in vain, a reload may be what is needed.
const ATTEMPTS_WITHOUT_RELOAD = 3;

export function showStatus({ isJoined, retryAt, isLate, attempts }, isPlain) {
  const s = Math.max(0, Math.ceil(((retryAt ?? 0) - performance.now()) / 1000));
  // The browser may trust the server's own key for a while only, and asks again on a reload.
  const offline = isPlain || attempts < ATTEMPTS_WITHOUT_RELOAD ? 'offline' : 'offlineLong';
  const text = t(retryAt !== null ? offline : isLate ? 'late' : 'connecting');
  const [span, clock, now] = $('status').children;
  $('status').hidden = isJoined && !isLate;
  // Only what changes is read aloud, and never the seconds.
  if (span.textContent !== text) span.textContent = text;
  clock.textContent = retryAt === null ? '' : t('retrying', { s });
  now.hidden = retryAt === null && !isLate;
}

/** Shows the messages that wait; true if there are more than before. */
export function showPending({ pending }) {
  const before = $('pending').childElementCount;
  const kept = pending.filter(isTalk).map((entry) => [entry.id, entry]);
  reconcile($('pending'), new Map(kept), ({ fields }) =>
    el('div', { className: 'row pending' }, el('span', { className: 'tag' }, t('waiting')), ' ',
      el('div', { className: 'text', dir: 'auto' }, ...linked(fields.text))));
  return kept.length > before;
}

export function showLists({ room, limits, nick: own }, { isOwn, takeOff, writeTo }) {
  const { members, shelf, topic } = room;
  $('topic').replaceChildren(...(topic ? linked(topic.topic) : []));
  $('topic').title = topic ? `${topic.topic} (${topic.nick})` : '';
  $('shelf-count').textContent = `${shelf.size} / ${limits.shelfItemsMax}`;
  $('here-count').textContent = members.size;
  $('panel').textContent = t('panel', { items: shelf.size, members: members.size });
  $('empty').hidden = shelf.size > 0;
  showShelf($('shelf'), shelf, isOwn, takeOff);
  const shown = [...members].slice(0, MEMBERS_SHOWN_MAX).sort((a, b) => a.localeCompare(b));
  const entries = new Map(shown.map((nick) => [`${nick} ${nick === own}`, nick]));
  reconcile($('members'), entries, (nick) => {
    const tag = nick === own ? [' ', el('span', { className: 'tag' }, t('you'))] : [];
    const onclick = () => writeTo(nick);
    const properties = { type: 'button', className: `nick ${colourOf(nick)}`, onclick };
    return el('li', {}, el('button', properties, bdi(nick)), ...tag);
  });
}
