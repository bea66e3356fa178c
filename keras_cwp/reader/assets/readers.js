// Who reads, what to read next, and how far two readers agree.

import * as agreement from "./agreement.js";
import { get, post, Refused, setToken } from "./ask.js";
import { Marking } from "./marking.js";
import { nameReport } from "./report.js";

const SUGGEST_POLL_MS = 700;
const SUGGEST_MOST_MS = 20_000; // then the films that were looked at by now will do
const find = (name) => document.getElementById(name);

export class Readers extends Marking {
  async readAs(name, again = false) {
    try {
      const { reader, films } = await post("/api/reading", { reader: name });
      Object.assign(this, { reader, reading: films });
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      find("whoerror").textContent = error.message;
      find("whoerror").hidden = false;
      return false;
    }
    find("whoerror").hidden = true;
    localStorage.setItem("reader", this.reader);
    find("reader").textContent = this.reader;
    this.study.films.forEach(({ number }) => this.mirror(number));
    const open = again ? this.number : this.study.films.find(({ number }) => !this.reading[number]?.done)?.number;
    this.number = undefined;
    await this.open(open ?? 0);
    return true;
  }

  askReader(withToken = false) {
    find("tokenrow").hidden = !withToken;
    find("known").replaceChildren(...(this.study?.readers || []).map((name) => new Option(name)));
    find("name").value = this.reader || localStorage.getItem("reader") || "";
    if (!find("who").open) find("who").showModal();
    find(withToken ? "token" : "name").focus();
  }

  async tryReader(event) {
    event.preventDefault();
    if (!find("tokenrow").hidden) setToken(find("token").value);
    try {
      this.study ||= await get("/api/study");
      this.state ||= { heat: this.study.heat, neighbours: this.study.neighbours };
    } catch (error) {
      find("whoerror").textContent = error.message;
      find("whoerror").hidden = false;
      return;
    }
    if (!this.list.items.size) {
      this.list.fill(this.study.films);
      nameReport(this.study);
      this.poll();
    }
    await this.keeper.flush();
    if (await this.readAs(find("name").value)) find("who").close();
  }

  // The first time the server looks at all films; who goes on reading meanwhile is left where they are.
  async suggest() {
    if (this.suggesting || !this.reader) return;
    this.suggesting = true;
    const [button, start, from] = [find("suggest"), Date.now(), this.number];
    try {
      if (!(await this.keeper.flush())) return;
      let found = await post("/api/suggest", { reader: this.reader });
      while (found.seen < found.count && (Date.now() - start < SUGGEST_MOST_MS || !found.films.length)) {
        button.textContent = `Looking ${found.seen}/${found.count}`;
        await new Promise((resolve) => setTimeout(resolve, SUGGEST_POLL_MS));
        if (this.number !== from) return;
        found = await post("/api/suggest", { reader: this.reader });
      }
      const next = found.films.find((number) => number !== this.number);
      if (next === undefined) this.keeper.tell(found.films.length ? "This film would teach most." : "All films are done.");
      else await this.open(next);
    } catch (error) {
      this.keeper.tell(error.message, true);
    } finally {
      button.textContent = "Suggest";
      this.suggesting = false;
    }
  }

  async showAgreement() {
    await this.keeper.flush();
    const { readers } = await get("/api/study");
    agreement.open(this, [...new Set([this.reader, ...readers])]);
  }
}
