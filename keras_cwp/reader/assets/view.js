// How the film is seen: tool, window, heat map, and the grey value under the pointer. The page is built on this.

import { size } from "./panel.js";
import { Readers } from "./readers.js";

const find = (name) => document.getElementById(name);

export class View extends Readers {
  take(tool) {
    this.tool = tool;
    for (const button of document.querySelectorAll("[data-tool]")) {
      button.setAttribute("aria-pressed", String(button.dataset.tool === tool));
    }
  }

  nextPreset() {
    if (!this.info) return;
    const count = this.info.presets.length;
    const next = (Math.min(find("preset").selectedIndex, count - 1) + 1) % count;
    find("preset").selectedIndex = next;
    this.film.preset(next);
  }

  dragWindow(dx, dy) {
    if (!this.info) return;
    this.film.dragWindow(dx, dy);
    find("preset").selectedIndex = this.info.presets.length; // "Own window": each preset can be chosen again
  }

  invert() {
    this.film.toggleInvert();
    find("invert").setAttribute("aria-pressed", String(this.film.invert));
  }

  setHeat(percent) {
    this.overlay.opacity = percent / 100;
    this.redraw();
  }

  toggleHeat() {
    const slider = find("heat");
    this.heatBefore = Number(slider.value) || this.heatBefore || 45;
    slider.value = Number(slider.value) ? 0 : this.heatBefore;
    this.setHeat(Number(slider.value));
  }

  hover(point) {
    this.pointed = point;
    this.readOut();
  }

  readOut() {
    const { film, pointed, drawn, info } = this;
    const lines = drawn ? [size(drawn, info?.spacing_mm)] : [];
    if (film.info) lines.push(`window ${Math.round(film.high - film.low)}  level ${Math.round((film.low + film.high) / 2)}`);
    const value = pointed && film.info && film.valueAt(pointed);
    if (value !== undefined) lines.push(`x ${Math.floor(pointed.x)}  y ${Math.floor(pointed.y)}  grey ${value}`);
    find("readout").textContent = lines.join("\n");
  }
}
