// Asking the model about the chosen box: the answer first, then its heat map. A newer box drops an older question.

import { post } from "./ask.js";
import { showAnswer } from "./panel.js";

const WAIT_MS = 60; // keys repeat faster

export class Asker {
  constructor(page) {
    Object.assign(this, { page, known: new Map(), timer: 0, abort: undefined });
  }

  forget() {
    this.known.clear();
  }

  // The answer for the chosen box, from memory where the box was asked about before.
  ask() {
    clearTimeout(this.timer);
    this.abort?.abort();
    const { mark, number } = this.page;
    const key = mark && `${number}:${mark.box}`;
    if (mark && this.known.has(key)) return this.show(this.known.get(key));
    this.show(undefined, mark ? "Asking…" : "");
    if (mark) this.timer = setTimeout(() => this.send(number, [...mark.box], key), WAIT_MS);
  }

  async send(number, box, key) {
    const abort = new AbortController();
    this.abort = abort;
    try {
      const answer = await post(`/api/films/${number}/answer`, { box }, { signal: abort.signal });
      const found = { answer, whole: Boolean(answer.neighbours) };
      this.show(found);
      if (this.page.state.heat.state === "ready") {
        const said = { box, class: answer.predicted };
        found.heat = await post(`/api/films/${number}/heat`, said, { signal: abort.signal });
        this.show(found);
      }
      if (found.whole || this.page.state.neighbours.state === "missing") this.known.set(key, found);
    } catch (error) {
      if (error.name !== "AbortError") this.show(undefined, error.message);
    }
  }

  show(found, said = "") {
    const { page } = this;
    showAnswer(page, found?.answer, said);
    const hidden = page.study.blind && !page.mark?.label;
    page.overlay.setHeat(hidden ? undefined : found?.heat).then(() => page.redraw());
    const heat = document.getElementById("heatsaid");
    const { state, said: why } = page.state.heat;
    if (state === "ready") heat.textContent = `Where the score of ${found?.heat?.class ?? "the class"} was raised${why ? `, ${why}` : ""}; its own scale.`;
    else heat.textContent = state === "missing" ? `Not available: ${why}.` : "Being prepared…";
    document.getElementById("heat").disabled = state !== "ready";
    document.body.dataset.answered = found ? (found.heat || state === "missing" ? "whole" : "class") : "";
  }
}
