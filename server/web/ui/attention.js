// How a user who is looking elsewhere learns that something was said: title, sound, notification.

const isSeen = () => !document.hidden && document.hasFocus();
/** Whether the page may notify, if our user agrees. Chrome on Android has the class, and throws
 * when one is made; without permission, others make one that is not shown. */
export function canNotify() {
  if (!globalThis.isSecureContext || !globalThis.Notification) return false;
  try {
    return Notification.permission === 'granted' || !!new Notification('');
  } catch {
    return false;
  }
}

export class Attention {
  #unseen = 0; #title; #audio; #notification;
  constructor(title) {
    document.title = this.#title = title;
    addEventListener('focus', () => this.#count());
    document.addEventListener('visibilitychange', () => this.#count());
  }

  #count(more = 0) {
    this.#unseen = isSeen() ? 0 : this.#unseen + more;
    document.title = this.#unseen ? `(${this.#unseen}) ${this.#title}` : this.#title;
  }

  /** A line has arrived. True if it is the first unseen one. */
  line() {
    this.#count(1);
    return this.#unseen === 1;
  }

  /** A line is for our user. That nothing rings is no reason to lose it. */
  call(text, { sound, notify }) {
    try {
      if (sound) this.#ring();
      if (!notify || isSeen() || globalThis.Notification?.permission !== 'granted') return;
      this.#notification = new Notification(this.#title, { body: text, tag: 'chatshelf' });
      this.#notification.onclick = () => focus();
    } catch (error) {
      console.warn(error);
    }
  }

  /** A line was redacted: the notification may be about it. */
  forget() { this.#notification?.close(); }
  #ring() {
    const audio = (this.#audio ??= new AudioContext());
    const now = audio.currentTime;
    const tone = new OscillatorNode(audio, { frequency: 660 });
    const volume = new GainNode(audio);
    volume.gain.setValueAtTime(0.08, now).exponentialRampToValueAtTime(0.001, now + 0.4);
    tone.connect(volume).connect(audio.destination);
    tone.start(now);
    tone.stop(now + 0.4);
  }
}
