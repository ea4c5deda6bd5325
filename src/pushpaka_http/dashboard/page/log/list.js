/** A log of any length as a region that scrolls, of which only what is in sight is in the page. */

import { hashOf } from "./place.js";
import { HeadingRow, LineRow, rulerElement } from "./row.js";
import { Rows } from "./rows.js";
import { Shown } from "./shown.js";

const OVERSCAN_ROWS = 16;
const LEAST_OVERSCAN_ROWS = 8;
const LEAST_DIGITS = 5;
const MOST_CORRECTIONS = 3;
const NEAR_PIXELS = 2;

/**
 * @typedef {object} Listener
 * @property {(isFollowing: boolean, news: number) => void} onFollow with how many lines came while it did not
 * @property {(seq: number, isRange: boolean) => void} onPoint the number of a line was clicked
 * @property {(shown: number) => void} onDraw so many lines are shown, in sight or not
 */

/** Draws the lines in sight, at most once a frame, and follows the end until somebody scrolls up. */
export class LogList {
  isFollowing = true;
  /** Whether lines that come are new, rather than read for the first time. */
  countsNews = false;
  shown;

  #store;
  #region;
  #listener;
  #space = document.createElement("div");
  #window = document.createElement("div");
  #ruler = rulerElement();
  #rows = new Rows(this.#window, (index) => this.#show(index), (row) => this.#free(row));
  /** Rows that no line needs now: memory grows with each element that is made while it scrolls. @type {LineRow[]} */
  #spare = [];
  #observer = new ResizeObserver(() => this.#measure());
  #isWrapped = false;
  #columns = Infinity;
  #row;
  #frame = 0;
  #top = 0;
  #news = 0;
  #first = 0;
  /** @type {import("./place.js").Lines | null} */
  #pointed = null;

  /**
   * @param {HTMLElement} region
   * @param {import("./store.js").LogStore} store
   * @param {Listener} listener
   */
  constructor(region, store, listener) {
    this.#region = region;
    this.#store = store;
    this.#listener = listener;
    this.shown = new Shown(store);
    this.#space.className = "log-space";
    this.#window.className = "log-window";
    this.#space.append(this.#window, this.#ruler);
    region.replaceChildren(this.#space);
    region.addEventListener("scroll", this.#onScroll, { passive: true });
    region.addEventListener("click", this.#onClick);
    this.#row = this.#ruler.offsetHeight;
    this.#observer.observe(region);
  }

  destroy() {
    cancelAnimationFrame(this.#frame);
    this.#observer.disconnect();
    this.#region.removeEventListener("scroll", this.#onScroll);
    this.#region.removeEventListener("click", this.#onClick);
    this.#space.remove();
  }

  /** Draw soon: the store has other lines than before, or another part of them is in sight. */
  changed() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  /** Show the lines that are wanted, and keep what is at the top there. @param {import("./filter.js").LogFilter} filter */
  choose(filter) {
    this.#renew(filter);
  }

  /** Let long lines go on below, or beyond the edge. @param {boolean} isWrapped */
  wrap(isWrapped) {
    this.#isWrapped = isWrapped;
    this.#region.classList.toggle("log-wrapped", isWrapped);
    this.#measure();
  }

  /** Mark lines as those that are meant. @param {import("./place.js").Lines | null} lines */
  point(lines) {
    this.#pointed = lines;
    this.#rows.forget();
    this.changed();
  }

  /** Bring a line into the middle, and stay there. @param {number} seq */
  goTo(seq) {
    this.follow(false);
    this.#catchUp();
    const index = this.shown.indexOf(this.#store.placeOf(seq));
    this.#scrollTo(this.shown.heights.before(index) * this.#row - this.#region.clientHeight / 3);
  }

  /** @param {boolean} isFollowing */
  follow(isFollowing) {
    this.changed();
    if (isFollowing === this.isFollowing) return;
    this.isFollowing = isFollowing;
    this.#news = 0;
    this.#listener.onFollow(isFollowing, 0);
  }

  #onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = this.#region;
    if (scrollTop + clientHeight > scrollHeight - NEAR_PIXELS) this.follow(true);
    else if (scrollTop < this.#top) this.follow(false);
    this.#top = scrollTop;
    this.changed();
  };

  /** @param {MouseEvent} event */
  #onClick = (event) => {
    const number = event.target instanceof Element && event.target.closest("a.log-seq");
    if (!number || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    this.#listener.onPoint(Number(number.textContent), event.shiftKey);
  };

  #draw() {
    this.#frame = 0;
    this.#catchUp();
    this.#listener.onDraw(this.shown.lines);
    if (this.isFollowing) this.#scrollTo(this.#region.scrollHeight);
    for (let round = 0; round < MOST_CORRECTIONS; round += 1) {
      this.#fill();
      if (!this.#isWrapped || !this.#correct()) return;
    }
  }

  #catchUp() {
    const before = this.shown.lines;
    const anchor = this.#anchor();
    this.shown.catchUp();
    if (this.#first !== this.#store.first) {
      this.#first = this.#store.first;
      this.#rows.forget();
      this.#resize();
      this.#restore(anchor);
      return;
    }
    this.#resize();
    if (this.isFollowing || !this.countsNews || this.shown.lines === before) return;
    this.#news += this.shown.lines - before;
    this.#listener.onFollow(false, this.#news);
  }

  /** Take the size of the region and of its letters. */
  #measure() {
    const text = /** @type {HTMLElement} */ (this.#ruler.lastElementChild);
    const letter = /** @type {HTMLElement} */ (text.firstElementChild);
    const width = letter.getBoundingClientRect().width / (letter.textContent ?? "").length;
    const columns = this.#isWrapped ? Math.max(Math.floor(text.clientWidth / width), 1) : Infinity;
    if (columns === this.#columns) this.changed();
    else {
      this.#columns = columns;
      this.#renew(this.shown.filter);
    }
  }

  /** @param {import("./filter.js").LogFilter} filter */
  #renew(filter) {
    const anchor = this.#anchor();
    this.#rows.forget();
    this.shown.renew(filter, this.#columns);
    this.#first = this.#store.first;
    this.#resize();
    this.#restore(anchor);
    this.changed();
  }

  /** Make the space as large as all of the lines together. */
  #resize() {
    const digits = Math.max(String(this.#store.lastSeq).length, LEAST_DIGITS);
    this.#space.style.setProperty("--log-digits", String(digits));
    this.#space.style.setProperty("--log-columns", String(this.#isWrapped ? 0 : this.#store.widest));
    this.#space.style.height = `${this.shown.heights.total * this.#row}px`;
  }

  /** What is at the top, and how far it is scrolled beyond it. */
  #anchor() {
    if (!this.shown.size) return null;
    const top = this.#region.scrollTop;
    const seen = this.shown.heights.indexAt(top / this.#row);
    const index = this.shown.isHeading(seen) ? seen + 1 : seen;
    return { place: this.shown.placeAt(index), beyond: top - this.shown.heights.before(index) * this.#row };
  }

  /** @param {{place: number, beyond: number} | null} anchor */
  #restore(anchor) {
    if (this.isFollowing) this.#scrollTo(this.#region.scrollHeight);
    else if (anchor) {
      const index = this.shown.indexOf(anchor.place);
      this.#scrollTo(this.shown.heights.before(index) * this.#row + anchor.beyond);
    }
  }

  /** @param {number} top */
  #scrollTo(top) {
    this.#region.scrollTop = top;
    this.#top = this.#region.scrollTop;
  }

  /** Draw what comes near; no more than that in a leap, after which another one may follow. */
  #fill() {
    const near = this.#around(LEAST_OVERSCAN_ROWS);
    if (!this.#rows.hold(...near)) this.#rows.draw(...(this.#rows.meet(...near) ? this.#around(OVERSCAN_ROWS) : near));
    const above = this.shown.heights.before(this.#rows.from);
    this.#window.style.transform = `translateY(${above * this.#row}px)`;
  }

  /**
   * The first index in sight and the one after the last, with some more on both sides.
   *
   * @param {number} rows
   * @returns {[number, number]}
   */
  #around(rows) {
    const { heights, size } = this.shown;
    const top = this.#region.scrollTop / this.#row;
    const bottom = top + this.#region.clientHeight / this.#row;
    return [heights.indexAt(top - rows), size && heights.indexAt(bottom + rows) + 1];
  }

  /** Take the heights of lines whose letters are not all of one width; tells whether one was wrong. */
  #correct() {
    const anchor = this.#anchor();
    let isWrong = false;
    for (let index = this.#rows.from; index < this.#rows.to; index += 1) {
      if (this.shown.isHeading(index) || !this.#store.isUneven(this.shown.placeAt(index))) continue;
      const height = Math.round(this.#rows.at(index).offsetHeight / this.#row);
      if (height === this.shown.heights.at(index)) continue;
      this.shown.heights.set(index, height);
      isWrong = true;
    }
    if (isWrong) {
      this.#resize();
      this.#restore(anchor);
    }
    return isWrong;
  }

  /** @param {number} index */
  #show(index) {
    const place = this.shown.placeAt(index);
    if (this.shown.isHeading(index)) return new HeadingRow(this.#store.phase(place));
    const row = this.#spare.pop() ?? new LineRow();
    const seq = this.#store.seq(place);
    const href = location.pathname + location.search + hashOf({ from: seq, to: seq });
    const isPointed = this.#pointed !== null && this.#pointed.from <= seq && seq <= this.#pointed.to;
    row.show(this.#store, place, { filter: this.shown.filter, href, isPointed });
    return row;
  }

  /** @param {import("./rows.js").Row} row */
  #free(row) {
    if (row instanceof LineRow) this.#spare.push(row);
  }
}
