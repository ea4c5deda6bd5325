/**
 * The live log of a deployment.
 *
 *     const store = useMemo(() => new LogStore(), [id]);
 *     html`<${LogViewer} deploymentId=${id} store=${store} fileName="shop-12.log" />`
 *
 * LogList draws the lines without Preact.
 */
import { count } from "../lib/format.js";
import { html, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../lib/html.js";
import { navigate, useLocation } from "../lib/router.js";
import { Button } from "../lib/ui/button.js";
import { Icon } from "../lib/ui/icons.js";
import { LogFeed } from "./feed.js";
import { EVERYTHING, LogFilter } from "./filter.js";
import { hashOf, rangeAfterClick, rangeOf } from "./line_range.js";
import { LogList } from "./list.js";
import { StatusBar } from "./status_bar.js";
import { Toolbar } from "./toolbar.js";
import { loadWrapping, saveWrapping } from "./wrapping.js";

/**
 * @param {{deploymentId: string, store: import("./store.js").LogStore, fileName: string,
 *   phase?: string, onLines?: () => void}} props `phase`: shows the lines of this phase only;
 *   `onLines`: called after lines were added to the store
 */
export function LogViewer({ deploymentId, store, fileName, phase = "", onLines }) {
  const region = useRef(null);
  const search = useRef(null);
  const list = useRef(null);
  const [feed, setFeed] = useState({ name: "loading" });
  const [following, setFollowing] = useState({ isOn: true, newLines: 0 });
  const [sizes, setSizes] = useState({ all: 0, shown: 0 });
  const [criteria, setCriteria] = useState(EVERYTHING);
  const [isWrapped, setIsWrapped] = useState(loadWrapping);
  const showAll = () => setCriteria(EVERYTHING);
  const selection = useSelection({ store, list, region, showAll });

  useLayoutEffect(() => {
    const logList = new LogList(region.current, store, {
      onFollow: (isOn, newLines) => setFollowing({ isOn, newLines }),
      onSelect: selection.select,
      onDraw: (shown) => setSizes((before) => (before.all === store.size && before.shown === shown ? before : { all: store.size, shown })),
    });
    list.current = logList;
    const update = () => {
      logList.scheduleDraw();
      selection.scroll();
      onLines?.();
    };
    const source = new LogFeed(deploymentId, store, update, (state) => {
      logList.countsNewLines = state.name !== "loading";
      setFeed(state);
    });
    source.start();
    return () => {
      source.stop();
      logList.destroy();
    };
  }, [deploymentId, store]);

  useEffect(() => list.current.applyFilter(new LogFilter({ ...criteria, phase })), [store, criteria, phase]);
  useEffect(() => {
    list.current.wrap(isWrapped);
    saveWrapping(isWrapped);
  }, [store, isWrapped]);

  const onKeyDown = (event) => {
    const isSearch = event.key === "/" || (event.key === "f" && (event.ctrlKey || event.metaKey));
    if (!isSearch) return;
    event.preventDefault();
    search.current.focus();
  };
  return html`
    <section class="log" aria-label="Log">
      <h2 class="unseen">Log</h2>
      <${Toolbar}
        ...${{ criteria, setCriteria, isWrapped, setIsWrapped, search, store, fileName }}
        isFollowing=${following.isOn}
        isComplete=${feed.name === "complete"}
        follow=${(isOn) => list.current.follow(isOn)}
        selection=${selection.range}
        shown=${() => list.current.rows.positions()}
        onEscape=${() => region.current.focus()}
      />
      <div class="log-frame">
        <div ref=${region} class="log-list" tabindex="0" role="log" aria-live="off" aria-label="Lines" onKeyDown=${onKeyDown}></div>
        ${sizes.shown === 0 && html`<${NoLines} feed=${feed} isFiltered=${sizes.all > 0 && criteria !== EVERYTHING} showAll=${showAll} />`}
        ${
          !following.isOn &&
          html`<button type="button" class="log-to-end" onClick=${() => list.current.follow(true)}>
            <${Icon} name="down" />${following.newLines ? count(following.newLines, "new line") : "Jump to end"}
          </button>`
        }
      </div>
      <${StatusBar} ...${{ feed, sizes }} dropped=${store.first} />
    </section>
  `;
}

/** The selected lines, which are in the fragment of the URL. Scrolls to them once they are loaded. */
function useSelection({ store, list, region, showAll }) {
  const { path, hash } = useLocation();
  const range = useMemo(() => rangeOf(hash), [hash]);
  const ownHash = useRef(null);
  const target = useRef(null);

  const scroll = useCallback(() => {
    if (!target.current || store.lastSeq < target.current.to) return;
    region.current.scrollIntoView({ block: "nearest" });
    list.current.goTo(target.current.from);
    target.current = null;
  }, [store]);

  useEffect(() => {
    list.current.select(range);
    if (!range || ownHash.current === hash) return;
    showAll();
    target.current = range;
    list.current.follow(false);
    scroll();
  }, [store, hash]);

  const latest = useRef(null);
  latest.current = { range, path };
  const select = useCallback((seq, isShift) => {
    ownHash.current = hashOf(rangeAfterClick(latest.current.range, seq, isShift));
    navigate(latest.current.path + ownHash.current, { replace: true });
  }, []);
  return { range, select, scroll };
}

function NoLines({ feed, isFiltered, showAll }) {
  if (isFiltered) return html`<div class="log-nothing"><p>No matching lines.</p><${Button} size="small" onClick=${showAll}>Show all<//></div>`;
  const texts = { live: "No output yet.", complete: "No output." };
  return feed.name in texts && html`<div class="log-nothing"><p>${texts[feed.name]}</p></div>`;
}
