// How a user who is looking elsewhere learns that something was said: title, sound, notification.

/** Our user is looking at the page. */
export const isSeen = () => !document.hidden && document.hasFocus();

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
  #unseen = 0; #title; #audio = null; #notification = null;

  constructor(title) {
    document.title = this.#title = title;
    const seen = () => isSeen() && this.#count(0);
    addEventListener('focus', seen);
    document.addEventListener('visibilitychange', seen);
  }

  #count(unseen) {
    this.#unseen = unseen;
    document.title = unseen ? `(${unseen}) ${this.#title}` : this.#title;
  }

  /** A line has arrived. True if it is the first unseen one. */
  line() {
    if (isSeen()) return false;
    this.#count(this.#unseen + 1);
    return this.#unseen === 1;
  }

  /** A line is for our user. That nothing rings is no reason to lose it. */
  call(text, { sound, notify }) {
    try {
      if (sound) this.#ring();
      if (notify && !isSeen() && globalThis.Notification?.permission === 'granted') {
        this.#notification = new Notification(this.#title, { body: text, tag: 'chatshelf' });
        this.#notification.onclick = () => focus();
      }
    } catch (error) {
      console.warn(error);
    }
  }

  /** A line was redacted: the notification may be about it. */
  forget() { this.#notification?.close(); }

  #ring() {
    this.#audio ??= new AudioContext();
    const now = this.#audio.currentTime;
    const [tone, volume] = [this.#audio.createOscillator(), this.#audio.createGain()];
    tone.frequency.value = 660;
    volume.gain.setValueAtTime(0.08, now);
    volume.gain.exponentialRampToValueAtTime(0.001, now + 0.4);
    tone.connect(volume).connect(this.#audio.destination);
    tone.start(now);
    tone.stop(now + 0.4);
  }
}
