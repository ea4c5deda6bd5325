/** A virtual list of log lines: only the visible lines are in the document. */

import { FilteredRows } from "./filtered_rows.js";
import { hashOf } from "./line_range.js";
import { RenderedRows } from "./rendered_rows.js";
import { HeadingRow, LineRow, rulerElement } from "./row.js";

const OVERSCAN_ROWS = 16;
const MIN_OVERSCAN_ROWS = 8;
const MIN_DIGITS = 5;
const MAX_CORRECTIONS = 3;
const END_TOLERANCE_PIXELS = 2;

/**
 * @typedef {object} Listener
 * @property {(isFollowing: boolean, newLines: number) => void} onFollow with the number of new lines while not following
 * @property {(seq: number, isRange: boolean) => void} onSelect a line number was clicked
 * @property {(shown: number) => void} onDraw with the number of lines that pass the filter
 */

/** Draws at most once per frame, and follows the end of the log until the user scrolls up. */
export class LogList {
  isFollowing = true;
  /** False while the stored lines are loaded, which do not count as new. */
  countsNewLines = false;
  /** The rows that pass the filter. */
  rows;

  #store;
  #region;
  #listener;
  #space = document.createElement("div");
  #window = document.createElement("div");
  #ruler = rulerElement();
  #rendered = new RenderedRows(this.#window, (index) => this.#createRow(index), (row) => this.#releaseRow(row));
  /** Unused rows. Without reuse, scrolling would allocate elements faster than browsers collect them. */
  #pool = [];
  #observer = new ResizeObserver(() => this.#measure());
  #isWrapped = false;
  #columns = Infinity;
  #rowHeight;
  #frame = 0;
  #top = 0;
  #newLines = 0;
  #first = 0;
  #selected = null;

  constructor(region, store, listener) {
    this.#region = region;
    this.#store = store;
    this.#listener = listener;
    this.rows = new FilteredRows(store);
    this.#space.className = "log-space";
    this.#window.className = "log-window";
    this.#space.append(this.#window, this.#ruler);
    region.replaceChildren(this.#space);
    region.addEventListener("scroll", this.#onScroll, { passive: true });
    region.addEventListener("click", this.#onClick);
    this.#rowHeight = this.#ruler.offsetHeight;
    this.#observer.observe(region);
  }

  destroy() {
    cancelAnimationFrame(this.#frame);
    this.#observer.disconnect();
    this.#region.removeEventListener("scroll", this.#onScroll);
    this.#region.removeEventListener("click", this.#onClick);
    this.#space.remove();
  }

  /** Draw in the next frame. */
  scheduleDraw() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  /** Wrap long lines, or let them scroll horizontally. */
  wrap(isWrapped) {
    this.#isWrapped = isWrapped;
    this.#region.classList.toggle("log-wrapped", isWrapped);
    this.#measure();
  }

  /** Select a LineRange, or nothing with null. */
  select(lines) {
    this.#selected = lines;
    this.#rendered.clear();
    this.scheduleDraw();
  }

  /** Scroll to a line, and stop following. */
  goTo(seq) {
    this.follow(false);
    this.#update();
    const index = this.rows.indexOf(this.#store.positionOf(seq));
    this.#scrollTo(this.rows.heights.offsetOf(index) * this.#rowHeight - this.#region.clientHeight / 3);
  }

  follow(isFollowing) {
    this.scheduleDraw();
    if (isFollowing === this.isFollowing) return;
    this.isFollowing = isFollowing;
    this.#newLines = 0;
    this.#listener.onFollow(isFollowing, 0);
  }

  #onScroll = () => {
    const { scrollTop, scrollHeight, clientHeight } = this.#region;
    if (scrollTop + clientHeight > scrollHeight - END_TOLERANCE_PIXELS) this.follow(true);
    else if (scrollTop < this.#top) this.follow(false);
    this.#top = scrollTop;
    this.scheduleDraw();
  };

  #onClick = (event) => {
    const number = event.target instanceof Element && event.target.closest("a.log-seq");
    if (!number || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    this.#listener.onSelect(Number(number.textContent), event.shiftKey);
  };

  #draw() {
    this.#frame = 0;
    this.#update();
    this.#listener.onDraw(this.rows.lines);
    if (this.isFollowing) this.#scrollTo(this.#region.scrollHeight);
    for (let round = 0; round < MAX_CORRECTIONS; round += 1) {
      this.#render();
      if (!this.#isWrapped || !this.#correctHeights()) return;
    }
  }

  #update() {
    const before = this.rows.lines;
    const anchor = this.#anchor();
    this.rows.update();
    if (this.#first !== this.#store.first) {
      this.#first = this.#store.first;
      this.#rendered.clear();
      this.#resize();
      this.#restore(anchor);
      return;
    }
    this.#resize();
    if (this.isFollowing || !this.countsNewLines || this.rows.lines === before) return;
    this.#newLines += this.rows.lines - before;
    this.#listener.onFollow(false, this.#newLines);
  }

  /** Measure the region and the width of a character. */
  #measure() {
    const text = this.#ruler.lastElementChild;
    const sample = text.firstElementChild;
    const width = sample.getBoundingClientRect().width / sample.textContent.length;
    const columns = this.#isWrapped ? Math.max(Math.floor(text.clientWidth / width), 1) : Infinity;
    if (columns === this.#columns) this.scheduleDraw();
    else {
      this.#columns = columns;
      this.applyFilter(this.rows.filter);
    }
  }

  /** Apply a LogFilter, and keep the topmost line in place. */
  applyFilter(filter) {
    const anchor = this.#anchor();
    this.#rendered.clear();
    this.rows.rebuild(filter, this.#columns);
    this.#first = this.#store.first;
    this.#resize();
    this.#restore(anchor);
    this.scheduleDraw();
  }

  /** Set the size of the content to that of all lines. */
  #resize() {
    const digits = Math.max(String(this.#store.lastSeq).length, MIN_DIGITS);
    this.#space.style.setProperty("--log-digits", String(digits));
    this.#space.style.setProperty("--log-columns", String(this.#isWrapped ? 0 : this.#store.widest));
    this.#space.style.height = `${this.rows.heights.total * this.#rowHeight}px`;
  }

  /** Return the topmost line, and how far it is scrolled out of view. */
  #anchor() {
    if (!this.rows.size) return null;
    const top = this.#region.scrollTop;
    const topmost = this.rows.heights.indexAt(top / this.#rowHeight);
    const index = this.rows.isHeading(topmost) ? topmost + 1 : topmost;
    return { position: this.rows.positionAt(index), offset: top - this.rows.heights.offsetOf(index) * this.#rowHeight };
  }

  #restore(anchor) {
    if (this.isFollowing) this.#scrollTo(this.#region.scrollHeight);
    else if (anchor) {
      const index = this.rows.indexOf(anchor.position);
      this.#scrollTo(this.rows.heights.offsetOf(index) * this.#rowHeight + anchor.offset);
    }
  }

  #scrollTo(top) {
    this.#region.scrollTop = top;
    this.#top = this.#region.scrollTop;
  }

  /** Render the visible rows. A jump renders a small margin only, because another jump may follow. */
  #render() {
    const near = this.#visibleRange(MIN_OVERSCAN_ROWS);
    if (!this.#rendered.containsAll(...near)) {
      const isJump = !this.#rendered.containsAny(...near);
      this.#rendered.render(...(isJump ? near : this.#visibleRange(OVERSCAN_ROWS)));
    }
    const above = this.rows.heights.offsetOf(this.#rendered.from);
    this.#window.style.transform = `translateY(${above * this.#rowHeight}px)`;
  }

  /** Return the range of visible indices, with a margin of some rows. */
  #visibleRange(margin) {
    const { heights, size } = this.rows;
    const top = this.#region.scrollTop / this.#rowHeight;
    const bottom = top + this.#region.clientHeight / this.#rowHeight;
    return [heights.indexAt(top - margin), size && heights.indexAt(bottom + margin) + 1];
  }

  /** Measure the heights of uneven lines, and return true if one has changed. */
  #correctHeights() {
    const anchor = this.#anchor();
    let isChanged = false;
    for (let index = this.#rendered.from; index < this.#rendered.to; index += 1) {
      if (this.rows.isHeading(index) || !this.#store.isUneven(this.rows.positionAt(index))) continue;
      const height = Math.round(this.#rendered.elementAt(index).offsetHeight / this.#rowHeight);
      if (height === this.rows.heights.at(index)) continue;
      this.rows.heights.set(index, height);
      isChanged = true;
    }
    if (isChanged) {
      this.#resize();
      this.#restore(anchor);
    }
    return isChanged;
  }

  #createRow(index) {
    const position = this.rows.positionAt(index);
    if (this.rows.isHeading(index)) return new HeadingRow(this.#store.phase(position));
    const row = this.#pool.pop() ?? new LineRow();
    const seq = this.#store.seq(position);
    const href = location.pathname + location.search + hashOf({ from: seq, to: seq });
    const isSelected = this.#selected !== null && this.#selected.from <= seq && seq <= this.#selected.to;
    row.show(this.#store, position, { filter: this.rows.filter, href, isSelected });
    return row;
  }

  #releaseRow(row) {
    if (row instanceof LineRow) this.#pool.push(row);
  }
}
