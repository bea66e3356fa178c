// The list of films, with thumbnails that are fetched one after the other, those in sight first.

import { picture } from "./ask.js";

export class List {
  constructor(place, filter, page) {
    Object.assign(this, { place, page, items: new Map(), shown: "all", waiting: [], busy: false });
    this.sight = new IntersectionObserver((entries) => entries.forEach((entry) => this.seen(entry)), { rootMargin: "200px" });
    for (const button of filter.querySelectorAll("button")) {
      button.addEventListener("click", () => {
        filter.querySelectorAll("button").forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
        this.shown = button.dataset.filter;
        this.filter();
      });
    }
  }

  fill(films) {
    this.place.replaceChildren(...films.map((film) => this.item(film)));
  }

  item(film) {
    const item = document.createElement("li");
    const button = document.createElement("button");
    button.innerHTML = '<span class="thumb"></span><span><span class="name"><bdi></bdi></span><span class="state"></span></span>';
    button.querySelector(".name bdi").textContent = film.name;
    button.title = film.name;
    button.addEventListener("click", () => this.page.open(film.number));
    item.append(button);
    item.dataset.number = film.number;
    this.items.set(film.number, item);
    this.sight.observe(item);
    return item;
  }

  state(number, { done, count, incomplete, given }) {
    const item = this.items.get(number);
    const said = item.querySelector(".state");
    const boxes = count ? `${count} ${count === 1 ? "box" : "boxes"}` : given ? `${given} to label` : "";
    const parts = [done ? "✓ done" : "", boxes, incomplete ? `${incomplete} incomplete` : ""].filter(Boolean);
    said.textContent = parts.map((part) => part.replaceAll(" ", "\u00a0")).join(" · "); // lines end between parts
    said.classList.toggle("done", done);
    item.dataset.done = String(done);
    this.filter();
  }

  filter() {
    for (const item of this.items.values()) {
      const done = item.dataset.done === "true";
      item.hidden = (this.shown === "todo" && done) || (this.shown === "done" && !done);
    }
  }

  current(number) {
    for (const [other, item] of this.items) {
      item.firstChild.setAttribute("aria-current", String(other === number));
    }
    this.items.get(number)?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  seen({ target, isIntersecting }) {
    if (!isIntersecting || target.dataset.asked) return;
    target.dataset.asked = "true";
    this.waiting.push(target);
    this.fetch();
  }

  // One at a time: each has to be decoded, and the film that is being opened goes first.
  async fetch() {
    if (this.busy) return;
    this.busy = true;
    while (this.waiting.length) {
      await this.page.opened;
      const item = this.waiting.shift();
      const place = item.querySelector(".thumb");
      try {
        const image = document.createElement("img");
        image.alt = "";
        image.src = await picture(`/api/films/${item.dataset.number}/thumbnail`);
        place.replaceChildren(image);
      } catch (error) {
        place.textContent = "⚠";
        place.title = error.message;
      }
    }
    this.busy = false;
  }
}
