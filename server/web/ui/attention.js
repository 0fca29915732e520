// How a user who is looking elsewhere learns that something was said: title, sound, notification.

/** Our user is looking at the page. */
export const isSeen = () => !document.hidden && document.hasFocus();

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

  /** A line has arrived; one that `isForUs` may ring. True if it is the first unseen one. */
  line(isForUs, text, settings) {
    if (isForUs && settings.sound) this.#ring();
    if (isSeen()) return false;
    this.#count(this.#unseen + 1);
    if (isForUs && settings.notify && globalThis.Notification?.permission === 'granted') {
      this.#notification = new Notification(this.#title, { body: text, tag: 'chatshelf' });
      this.#notification.onclick = () => focus();
    }
    return this.#unseen === 1;
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
