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
        const heat = post(`/api/films/${number}/heat`, said, { signal: abort.signal });
        found.heat = await heat.catch((error) => ({ failed: refused(error) }));
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
    showHeat(page.state.heat, found?.heat);
    const whole = found?.heat || page.state.heat.state === "missing";
    document.body.dataset.answered = found ? (whole ? "whole" : "class") : "";
  }
}

function showHeat({ state, said }, heat) {
  const find = (name) => document.getElementById(name);
  const shown = state === "ready" && Boolean(heat?.png);
  find("heat").disabled = !shown;
  find("scale").hidden = !shown;
  find("heatsaid").textContent = state === "ready" ? onHeat(heat, said) : state === "missing" ? `Not available: ${said}.` : `Being prepared… ${said}`;
}

function onHeat(heat, network) {
  if (!heat) return "";
  if (heat.failed) return heat.failed;
  if (!heat.png) return "Withheld: this map does no better than maps of the same network with random weights.";
  const scale = heat.one_scale ? "One scale for all boxes; 5 % of the maps of held-out ROIs reach its end." : "This map has its own scale: do not compare it with others.";
  return `Where the score of ${heat.class} was raised${network ? `, ${network}` : ""}. ${scale}`;
}

function refused(error) {
  if (error.name === "AbortError") throw error;
  return error.message;
}
