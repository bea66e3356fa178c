// Saving: each change goes to the server half a second later, one request at a time.

import { post } from "./ask.js";

const WAIT_MS = 400;

export class Keeper {
  constructor(page, said) {
    Object.assign(this, { page, said, timer: 0, sending: undefined, dirty: false });
    addEventListener("beforeunload", (event) => {
      if (!this.dirty) return;
      this.flush(true);
      event.preventDefault();
    });
    document.addEventListener("visibilitychange", () => document.hidden && this.flush(true));
  }

  changed() {
    if (!this.page.info) return; // no film is open: what stands on the disk must not be replaced by nothing
    this.dirty = true;
    this.tell("Saving…");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.flush(), WAIT_MS);
  }

  // Saves what is not saved; returns once it is, or once the server refused it.
  async flush(leaving = false) {
    clearTimeout(this.timer);
    while (this.sending) await this.sending;
    if (!this.dirty) return true;
    this.sending = this.send(leaving);
    const good = await this.sending;
    this.sending = undefined;
    return good && (!this.dirty || this.flush());
  }

  async send(leaving) {
    const { page } = this;
    const number = page.number;
    this.dirty = false;
    try {
      const saved = await post(`/api/films/${number}/marks`, page.toSave(), { keepalive: leaving });
      page.saved(number, saved);
      this.tell("Saved");
      return true;
    } catch (error) {
      this.dirty = error.status !== 409;
      this.tell(`Not saved: ${error.message}`, true);
      if (error.status === 0) this.timer = setTimeout(() => this.flush(), 10 * WAIT_MS);
      if (error.status === 409) page.reload();
      return false;
    }
  }

  tell(text, bad = false) {
    this.said.textContent = text;
    this.said.classList.toggle("bad", bad);
  }
}
