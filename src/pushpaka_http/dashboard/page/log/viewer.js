/**
 * The log of a deployment, as it grows.
 *
 *     const store = useMemo(() => new LogStore(), [id]);
 *     html`<${LogViewer} deploymentId=${id} store=${store} fileName="shop-12.log" />`
 *
 * Its lines are drawn by LogList, without Preact: only what stands around them is drawn here.
 */
import { html, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "../lib/html.js";
import { navigate, usePlace } from "../lib/router.js";
import { Button } from "../lib/ui/button.js";
import { Icon } from "../lib/ui/icons.js";
import { count } from "../lib/format.js";
import { LogFeed } from "./feed.js";
import { EVERYTHING, LogFilter } from "./filter.js";
import { LogList } from "./list.js";
import { hashOf, linesOf, pointedAt } from "./place.js";
import { StatusBar } from "./status_bar.js";
import { Toolbar } from "./toolbar.js";
import { isWrapWanted, rememberWrap } from "./wrapping.js";

/**
 * @param {{deploymentId: string, store: import("./store.js").LogStore, fileName: string,
 *   onLines?: () => void}} props `onLines`: called when there are more lines in the store
 */
export function LogViewer({ deploymentId, store, fileName, onLines }) {
  const region = useRef(null);
  const search = useRef(null);
  const list = useRef(null);
  const [feed, setFeed] = useState({ name: "loading" });
  const [following, setFollowing] = useState({ isOn: true, news: 0 });
  const [sizes, setSizes] = useState({ all: 0, shown: 0 });
  const [wanted, setWanted] = useState(EVERYTHING);
  const [isWrapped, setIsWrapped] = useState(isWrapWanted);
  const pointed = usePointed({ store, list, region, showAll: () => setWanted(EVERYTHING) });

  useLayoutEffect(() => {
    const made = new LogList(region.current, store, {
      onFollow: (isOn, news) => setFollowing({ isOn, news }),
      onPoint: pointed.point,
      onDraw: (shown) => setSizes((before) => (before.all === store.size && before.shown === shown ? before : { all: store.size, shown })),
    });
    list.current = made;
    const grown = () => {
      made.changed();
      pointed.arrive();
      onLines?.();
    };
    const source = new LogFeed(deploymentId, store, grown, (state) => {
      made.countsNews = state.name !== "loading";
      setFeed(state);
    });
    source.start();
    return () => {
      source.stop();
      made.destroy();
    };
  }, [deploymentId, store]);

  useEffect(() => list.current.choose(new LogFilter(wanted)), [store, wanted]);
  useEffect(() => {
    list.current.wrap(isWrapped);
    rememberWrap(isWrapped);
  }, [store, isWrapped]);

  const pressed = (event) => {
    const isFind = event.key === "/" || (event.key === "f" && (event.ctrlKey || event.metaKey));
    if (!isFind) return;
    event.preventDefault();
    search.current.focus();
  };
  return html`
    <section class="log" aria-label="Log">
      <h2 class="unseen">Log</h2>
      <${Toolbar}
        ...${{ wanted, setWanted, isWrapped, setIsWrapped, search, store, fileName }}
        isFollowing=${following.isOn}
        isOver=${feed.name === "over"}
        follow=${(isOn) => list.current.follow(isOn)}
        pointed=${pointed.lines}
        chosen=${() => list.current.shown.places()}
        leave=${() => region.current.focus()}
      />
      <div class="log-frame">
        <div ref=${region} class="log-list" tabindex="0" role="log" aria-live="off" aria-label="Lines" onKeyDown=${pressed}></div>
        ${sizes.shown === 0 && html`<${Nothing} ...${{ feed, sizes }} clear=${() => setWanted(EVERYTHING)} />`}
        ${
          !following.isOn &&
          html`<button type="button" class="log-to-end" onClick=${() => list.current.follow(true)}>
            <${Icon} name="down" />${following.news ? `${count(following.news, "new line")}` : "To the end"}
          </button>`
        }
      </div>
      <${StatusBar} ...${{ feed, sizes }} first=${store.first} />
    </section>
  `;
}

/** The lines that the address names: marked, and gone to once they are there. */
function usePointed({ store, list, region, showAll }) {
  const { path, hash } = usePlace();
  const lines = useMemo(() => linesOf(hash), [hash]);
  const here = useRef(null);
  const awaited = useRef(null);

  const arrive = useCallback(() => {
    if (!awaited.current || store.lastSeq < awaited.current.to) return;
    region.current.scrollIntoView({ block: "nearest" });
    list.current.goTo(awaited.current.from);
    awaited.current = null;
  }, [store]);

  useEffect(() => {
    list.current.point(lines);
    if (!lines || here.current === hash) return;
    showAll();
    awaited.current = lines;
    list.current.follow(false);
    arrive();
  }, [store, hash]);

  const latest = useRef(null);
  latest.current = { lines, path };
  const point = useCallback((seq, isRange) => {
    here.current = hashOf(pointedAt(latest.current.lines, seq, isRange));
    navigate(latest.current.path + here.current, { replace: true });
  }, []);
  return { lines, point, arrive };
}

/** Why no line is to be seen. */
function Nothing({ feed, sizes, clear }) {
  if (sizes.all > 0) return html`<div class="log-nothing"><p>No line is like this.</p><${Button} size="small" onClick=${clear}>Show all<//></div>`;
  const said = { live: "Nothing was said yet.", over: "It has said nothing." };
  return feed.name in said && html`<div class="log-nothing"><p>${said[feed.name]}</p></div>`;
}
