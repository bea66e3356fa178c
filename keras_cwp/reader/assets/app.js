// The page: which film is open, what is marked on it, and what each button and key does.

import { Asker } from "./answers.js";
import { bytes, get, post } from "./ask.js";
import { Film } from "./film.js";
import { Keeper } from "./keep.js";
import * as keys from "./keys.js";
import { List } from "./list.js";
import { Overlay } from "./overlay.js";
import { element, showBoxes, showLabels } from "./panel.js";
import * as pointer from "./pointer.js";
import { nameReport, offerReport, sendReport } from "./report.js";
import { View } from "./view.js";

const find = (name) => document.getElementById(name);
const POLL_MS = 1500;

class Page extends View {
  constructor() {
    super();
    this.film = new Film(find("film"));
    this.overlay = new Overlay(find("over"), this.film);
    this.list = new List(find("list"), find("filter"), this);
    this.keeper = new Keeper(this, find("saved"));
    this.asker = new Asker(this);
    this.film.onView(() => this.redraw());
    this.film.onView(() => this.readOut());
    Object.assign(this, { tool: "box", opened: Promise.resolve(), reading: {} });
  }

  async start() {
    find("theme").addEventListener("click", () => this.toggleTheme());
    document.documentElement.dataset.theme = localStorage.getItem("theme") || "dark";
    this.connect();
    keys.listen(this);
    keys.fill(find("keytable"));
    pointer.listen(find("over"), this.film, this);
    new ResizeObserver(() => this.film.resize()).observe(find("stage"));
    try {
      this.study = await get("/api/study");
    } catch (error) {
      if (error.status !== 401) return this.message(error.message);
      return this.askReader(true);
    }
    await this.begin();
  }

  async begin() {
    this.state = { heat: this.study.heat, neighbours: this.study.neighbours };
    this.list.fill(this.study.films);
    nameReport(this.study);
    this.poll();
    const name = this.study.reader || localStorage.getItem("reader");
    if (!name || !(await this.readAs(name))) this.askReader();
  }

  connect() {
    const click = (name, action) => find(name).addEventListener("click", action);
    click("previous", () => this.go(-1));
    click("next", () => this.go(1));
    click("suggest", () => this.suggest());
    click("agree", () => this.showAgreement());
    click("reader", () => this.askReader());
    click("keys", () => this.showKeys());
    click("invert", () => this.invert());
    click("in", () => this.film.zoom(1.25));
    click("out", () => this.film.zoom(0.8));
    click("fit", () => this.film.fit());
    click("done", () => this.finish());
    click("send", () => sendReport(this));
    for (const button of document.querySelectorAll("[data-tool]")) {
      button.addEventListener("click", () => this.take(button.dataset.tool));
    }
    find("preset").addEventListener("change", (event) => this.film.preset(Number(event.target.value)));
    find("heat").addEventListener("input", (event) => this.setHeat(Number(event.target.value)));
    find("patient").addEventListener("input", () => this.keeper.changed());
    find("patient").addEventListener("keydown", (event) => ["Enter", "Escape"].includes(event.key) && find("stage").focus());
    find("who").addEventListener("cancel", (event) => this.reader || event.preventDefault());
    find("whogo").addEventListener("click", (event) => this.tryReader(event));
  }

  // Films

  async open(number, roiId) {
    if (number === this.number) return this.select(roiId);
    if (!(await this.keeper.flush()) && !confirm(`${find("saved").textContent}\nLeave this film without saving?`)) return;
    this.keeper.dirty = false;
    this.number = number;
    this.list.current(number);
    document.body.dataset.film = "";
    find("title").textContent = `Film ${number + 1} of ${this.study.films.length}`;
    find("title").dataset.short = `${number + 1} / ${this.study.films.length}`;
    document.title = `Film ${number + 1}`;
    this.keeper.tell("");
    this.opened = this.load(number, roiId);
    await this.opened;
  }

  async load(number, roiId) {
    this.loading?.abort();
    const loading = (this.loading = new AbortController());
    this.take(this.tool);
    this.clear();
    this.message("Opening…");
    try {
      const info = await get(`/api/films/${number}`, loading.signal);
      const grey = await bytes(`/api/films/${number}/pixels`, loading.signal);
      this.info = info;
      this.film.show(info, info.bytes === 1 ? new Uint8Array(grey) : new Uint16Array(grey));
      this.message("");
      this.fill(info, roiId);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.message(error.message);
      this.enable(false);
    }
  }

  clear() {
    Object.assign(this, { info: undefined, marks: [], selected: undefined, past: [], isDone: false, revision: 0 });
    this.film.clear();
    find("noted").hidden = true;
    find("sent").textContent = "";
    find("patient").value = "";
    find("patient").disabled = true;
    this.show();
  }

  fill(info, roiId) {
    const kept = this.reading[this.number];
    const marks = kept ? kept.marks : info.given.map((each) => (this.study.blind ? { ...each, label: "" } : each));
    this.marks = marks.map((mark) => ({ ...mark, box: [...mark.box] }));
    this.isDone = Boolean(kept?.done);
    this.revision = kept?.revision ?? 0;
    find("patient").value = kept?.patient || info.patient;
    this.enable(true);
    const own = Object.assign(new Option("Own window"), { hidden: true });
    find("preset").replaceChildren(...info.presets.map((preset, place) => new Option(preset.name, place)), own);
    find("notes").replaceChildren(...info.notes.map((note) => element("li", `Note: ${note}.`)));
    find("noted").hidden = !info.notes.length;
    this.caution("");
    this.select(roiId ?? this.marks[0]?.roi_id);
    document.body.dataset.film = String(this.number);
  }

  // A film that cannot be read has nothing to change.
  enable(open) {
    for (const name of ["patient", "preset", "invert", "done"]) find(name).disabled = !open;
    offerReport(open ? this.info : undefined, this.marks);
    if (!open) find("preset").selectedIndex = -1;
  }

  go(step) {
    const next = this.number === undefined ? 0 : this.number + step;
    if (next >= 0 && next < this.study.films.length) this.open(next);
  }

  async reload() {
    await this.readAs(this.reader, true);
  }

  // Saving

  toSave() {
    const { reader, revision, marks } = this;
    return { reader, revision, marks, patient: find("patient").value, done: this.isDone };
  }

  saved(number, saved) {
    this.reading[number] = saved;
    this.mirror(number);
    if (number !== this.number) return;
    this.revision = saved.revision;
    this.caution(saved.caution);
    this.show(false);
  }

  mirror(number) {
    const { marks, done, patient } = this.reading[number] || { marks: [], done: false };
    const incomplete = marks.filter((mark) => !mark.label || !patient).length;
    const given = this.study.films[number].given;
    this.list.state(number, { done, count: marks.length, incomplete, given: this.reading[number] ? 0 : given });
  }

  caution(text) {
    const lacks = !find("patient").value.trim() && this.marks.some((mark) => mark.label);
    find("caution").textContent = text || (lacks ? "Without a patient id the boxes wait here and are not in the table." : "");
    find("caution").hidden = !find("caution").textContent;
  }

  async finish() {
    if (!this.info) return;
    this.isDone = !this.isDone;
    this.keeper.changed();
    const good = await this.keeper.flush();
    if (good && this.isDone) this.go(1);
  }

  // What is shown

  redraw() {
    this.overlay.draw(this.marks, this.selected, this.drawn);
  }

  show(ask = true) {
    if (!this.study) return;
    showBoxes(this);
    showLabels(this);
    offerReport(this.info, this.marks);
    find("done").setAttribute("aria-pressed", String(Boolean(this.isDone)));
    find("done").textContent = this.isDone ? "Done – reopen" : "Film done";
    this.caution(find("caution").textContent.startsWith("Without") ? "" : find("caution").textContent);
    if (ask) this.asker.ask();
    this.redraw();
  }

  message(text) {
    find("message").textContent = text;
    find("message").hidden = !text;
  }

  focusPatient() {
    find("patient").focus();
    find("patient").select();
  }

  showKeys() {
    find("help").showModal();
  }

  toggleTheme() {
    const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    localStorage.setItem("theme", theme);
  }

  // Heat maps and neighbours are prepared while one begins to read.
  async poll() {
    try {
      const before = JSON.stringify(this.state);
      this.state = await get("/api/state");
      if (JSON.stringify(this.state) !== before) this.asker.ask();
    } catch {
      // the next save says that the server does not answer
    }
    if ([this.state.heat, this.state.neighbours].some((part) => part.state === "loading")) setTimeout(() => this.poll(), POLL_MS);
  }
}

const page = new Page();
page.start();
