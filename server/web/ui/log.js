// The talk: rows in blocks that the browser draws only where they are seen, added a few at a time.

import { t } from '../strings.js';
import { bdi, colourOf, dateOf, el, linked } from './dom.js';

const BLOCK_ROWS = 50;
const ROWS_MAX = 20_000;
const TURN_MS = 6;
const BACKGROUND_MS = 200;
const SAME_MS = 3 * 60_000;
const FOLDED_MAX = 8;
const CLOCK = new Intl.DateTimeFormat([], { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const MOMENT = new Intl.DateTimeFormat([], { dateStyle: 'full', timeStyle: 'medium' });

export class Log {
  #box; #lines; #newest; #queue = []; #isDue = false; #block = null; #rows = 0; #day = '';
  #last = null; #isAtEnd = true; #unseen = 0; #mark = null;

  /** `box` scrolls, and holds the `lines`; `newest` is the button that leads to its end. */
  constructor(box, lines, newest) {
    [this.#box, this.#lines, this.#newest] = [box, lines, newest];
    box.addEventListener('scroll', () => this.#noteScroll(), { passive: true });
    newest.onclick = () => this.toEnd();
    new ResizeObserver(() => this.#isAtEnd && this.toEnd()).observe(box);
  }

  /** Adds a row: `kind` is `said`, `action`, `told`, `event`, `presence`, `notice` or `line`; it
   * has `nick`, `text` or `parts`, and `at` as far as there are. */
  add(row) {
    this.#queue.push(row);
    if (this.#queue.length > ROWS_MAX) this.#queue.shift();
    this.#schedule();
  }

  #schedule() {
    if (this.#isDue) return;
    this.#isDue = true;
    const flush = () => this.#flush();
    // In the background no frame comes; what is said is kept all the same.
    if (document.hidden) setTimeout(flush, BACKGROUND_MS);
    else requestAnimationFrame(flush);
  }

  #flush() {
    const until = performance.now() + TURN_MS;
    this.#isDue = false;
    let taken = 0;
    while (taken < this.#queue.length && performance.now() < until) {
      this.#draw(this.#queue[taken++]);
    }
    this.#queue.splice(0, taken);
    this.#lines.setAttribute('aria-busy', this.#queue.length > 0);
    while (this.#rows > ROWS_MAX) {
      this.#rows -= this.#lines.firstElementChild.childElementCount;
      this.#lines.firstElementChild.remove();
    }
    if (this.#isAtEnd) this.toEnd();
    this.#showNewest();
    if (this.#queue.length) this.#schedule();
  }

  #draw(row) {
    if (row.kind === 'line') return this.#line(row.text, row.isUnread);
    const at = row.at === undefined ? new Date() : dateOf(row.at);
    const day = at.toDateString();
    if (day !== this.#day) {
      const options = { dateStyle: 'full' };
      this.#line(at.toLocaleDateString(document.documentElement.lang, options));
    }
    this.#day = day;
    if (row.kind === 'presence' && this.#fold(row)) return;
    if (!this.#isAtEnd) this.#unseen += 1;
    this.#append(this.#rowOf(row, at), { ...row, ms: at.getTime(), folded: 1 });
  }

  // A rule with a few words in it. What was not seen begins at one place only.
  #line(text, isUnread = false) {
    const line = el('div', { className: isUnread ? 'line unread' : 'line' }, el('span', {}, text));
    if (isUnread) {
      this.#mark?.remove();
      this.#mark = line;
    }
    this.#append(line, null);
  }

  // Who comes and goes shares a row.
  #fold({ parts }) {
    const last = this.#last;
    if (last?.kind !== 'presence' || last.folded >= FOLDED_MAX) return false;
    last.folded += 1;
    last.element.querySelector('.text').append(' · ', ...parts);
    return true;
  }

  #rowOf({ kind, nick, text, parts, isMention, isOwn, to }, at) {
    const last = this.#last;
    const isSame = kind === 'said' && last?.kind === 'said' && last.nick === nick &&
      at - last.ms < SAME_MS;
    const classes = ['row', kind, isSame && 'same', isMention && 'mention', isOwn && 'own'];
    const content = parts ?? linked(text);
    const row = el('div', { className: classes.filter(Boolean).join(' ') });
    if (nick) {
      row.append(el('span', { className: `nick ${colourOf(nick)}` }, bdi(nick)), ' ');
      if (kind === 'told') row.append(el('span', { className: 'tag' }, to), ' ');
    }
    row.append(
      el('time', { dateTime: at.toISOString(), title: MOMENT.format(at) }, CLOCK.format(at)),
      ' ',
      el('div', { className: 'text', dir: parts ? '' : 'auto' }, ...content),
    );
    return row;
  }

  #append(element, last) {
    if (!this.#block || this.#block.childElementCount >= BLOCK_ROWS) {
      this.#block = el('div', { className: 'block' });
      this.#lines.append(this.#block);
    }
    this.#block.append(element);
    this.#rows += 1;
    this.#last = last && { ...last, element: last.element ?? element };
  }

  clear() {
    this.#lines.replaceChildren();
    [this.#queue, this.#block, this.#rows, this.#day, this.#last] = [[], null, 0, '', null];
  }

  toEnd() {
    this.#box.scrollTop = this.#box.scrollHeight;
    [this.#isAtEnd, this.#unseen] = [true, 0];
    this.#showNewest();
  }

  #noteScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#box;
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < 24;
    if (this.#isAtEnd) this.#unseen = 0;
    this.#showNewest();
  }

  #showNewest() {
    this.#newest.hidden = this.#isAtEnd;
    this.#newest.textContent = `${t('newest')}${this.#unseen ? ` (${this.#unseen})` : ''} ↓`;
  }
}
