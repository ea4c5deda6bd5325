/** One deployment: how it stands and why, its phases, its log, and what can be done with it. */
import { useMoves } from "../lib/events.js";
import { html, useCallback, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { useUser } from "../lib/session.js";
import { PageHead, Problem, Skeleton, Status } from "../lib/ui.js";
import { LogStore } from "../log/store.js";
import { LogViewer } from "../log/viewer.js";
import { Actions } from "./deployment/actions.js";
import { DeploymentFacts } from "./deployment/facts.js";
import { Failure } from "./deployment/failure.js";
import { Phases } from "./deployment/phases.js";
import { Timeline } from "./deployment/timeline.js";

/** How something ended that has no error to tell why. */
const UNTOLD = new Set(["cancelled", "superseded", "stopped"]);

export default function DeploymentView({ params: { id } }) {
  const loaded = useResource(`/deployments/${id}`);
  const timeline = useResource(`/deployments/${id}/events`);
  const deployment = loaded.data;
  const project = useResource(deployment ? `/projects/${deployment.project_id}` : null);
  const members = useResource(deployment ? `/projects/${deployment.project_id}/members` : null);
  const log = useLog(id);
  const user = useUser();

  const show = (newer) => {
    loaded.set(newer);
    timeline.reload();
  };
  const readAnew = () => Promise.all([loaded.reload(), timeline.reload(), project.reload()]);
  useMoves({
    moved: (newer) => {
      if (newer.id === id) show(newer);
      if (newer.project_id === deployment?.project_id) project.reload();
    },
    readAnew,
  });

  if (!deployment && loaded.error) return html`<${PageHead} title="Deployment" /><${Problem} error=${loaded.error} retry=${loaded.reload} />`;
  const isWhole = deployment && (project.data || project.error) && (timeline.data || timeline.error);
  if (!isWhole) return html`<${PageHead} title="Deployment" /><${Skeleton} lines=${6} height=${72} />`;

  const events = timeline.data?.data ?? [];
  const team = members.data?.data ?? [];
  const nameOf = (userId) => (userId === user.id ? "you" : (team.find((member) => member.user_id === userId)?.name ?? "somebody else"));
  const actions = project.data && html`<${Actions} ...${{ deployment, show, readAnew }} project=${project.data} />`;
  return html`
    <div class="deployment">
      <${PageHead}
        title="Deployment ${deployment.sequence}"
        windowTitle="${project.data?.name ?? "Deployment"} ${deployment.sequence}"
        back=${{ to: `/projects/${deployment.project_id}`, label: project.data?.name ?? "Project" }}
        beside=${html`<${Status} of=${deployment.status} />`}
        actions=${actions}
      >
        ${UNTOLD.has(deployment.status) && events.length > 0 && `${events.at(-1).cause}.`}
      <//>
      ${deployment.error && html`<${Failure} ...${{ deployment }} store=${log.store} />`}
      <${DeploymentFacts} ...${{ deployment, nameOf }} project=${project.data} />
      <${Phases} events=${events} />
      <${LogViewer} key=${id} deploymentId=${id} store=${log.store} onLines=${log.grown} fileName="${project.data?.slug ?? "deployment"}-${deployment.sequence}.log" />
      <${Timeline} ...${{ events, nameOf }} />
    </div>
  `;
}

const QUIET_MILLISECONDS = 250;

/** The lines of the log; the view is drawn again when no more of them come for a moment. */
function useLog(id) {
  const store = useMemo(() => new LogStore(), [id]);
  const [, setCount] = useState(0);
  const timer = useRef(0);
  const grown = useCallback(() => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCount((count) => count + 1), QUIET_MILLISECONDS);
  }, []);
  useEffect(() => () => clearTimeout(timer.current), []);
  return { store, grown };
}
