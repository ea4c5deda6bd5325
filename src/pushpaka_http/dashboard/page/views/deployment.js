/** A deployment: status, error, phases, log and actions. */
import { useDeploymentEvents } from "../lib/events.js";
import { html, useCallback, useEffect, useMemo, useRef, useState } from "../lib/html.js";
import { useResource } from "../lib/resource.js";
import { useUser } from "../lib/session.js";
import { Button, PageHead, Problem, Skeleton, Status } from "../lib/ui.js";
import { LogStore } from "../log/store.js";
import { LogViewer } from "../log/viewer.js";
import { Actions } from "./deployment/actions.js";
import { Details } from "./deployment/details.js";
import { Failure } from "./deployment/failure.js";
import { Phases } from "./deployment/phases.js";
import { Timeline } from "./deployment/timeline.js";

/** Deployments with these statuses have no error: their last event has the reason. */
const ENDED_WITHOUT_ERROR = new Set(["cancelled", "superseded", "stopped"]);

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
  const refresh = () => Promise.all([loaded.reload(), timeline.reload(), project.reload()]);
  useDeploymentEvents({
    onChange: (newer) => {
      if (newer.id === id) show(newer);
      if (newer.project_id === deployment?.project_id) project.reload();
    },
    onReconnect: refresh,
  });

  const path = [{ to: "/", label: "Projects" }];
  if (!deployment && loaded.error) return html`<${PageHead} title="Deployment" path=${path} /><${Problem} error=${loaded.error} retry=${loaded.reload} />`;
  const isReady = deployment && (project.data || project.error) && (timeline.data || timeline.error);
  if (!isReady) return html`<${PageHead} title="Deployment" path=${path} /><${Skeleton} lines=${6} height=${72} />`;

  const name = project.data?.name ?? "Project";
  const projectPath = `/projects/${deployment.project_id}`;
  path.push({ to: projectPath, label: name }, { to: `${projectPath}/deployments`, label: "Deployments" });
  const events = timeline.data?.data ?? [];
  const team = members.data?.data ?? [];
  const nameOf = (userId) => (userId === user.id ? "you" : (team.find((member) => member.user_id === userId)?.name ?? "another user"));
  const url = project.data?.current_deployment_id === id ? project.data.url : deployment.url;
  const actions = html`
    ${deployment.status === "running" && url && html`<${Button} kind="primary" href=${url} icon="external">Visit<//>`}
    ${project.data && html`<${Actions} ...${{ deployment, show, refresh }} project=${project.data} />`}
  `;
  return html`
    <div class="deployment">
      <${PageHead}
        title="Deployment ${deployment.sequence}"
        path=${path}
        beside=${html`<${Status} of=${deployment.status} />`}
        actions=${actions}
      >
        ${ENDED_WITHOUT_ERROR.has(deployment.status) && events.length > 0 && `${events.at(-1).cause}.`}
      <//>
      ${deployment.error && html`<${Failure} deployment=${deployment} store=${log.store} />`}
      <${Details} ...${{ deployment, nameOf }} project=${project.data} />
      <${Phases} events=${events} />
      <${LogViewer} key=${id} deploymentId=${id} store=${log.store} onLines=${log.update} fileName="${project.data?.slug ?? "deployment"}-${deployment.sequence}.log" />
      <${Timeline} ...${{ events, nameOf }} />
    </div>
  `;
}

const DEBOUNCE_MILLISECONDS = 250;

/** Return the store of the log. `update` renders the view again once no lines have arrived for a moment. */
function useLog(id) {
  const store = useMemo(() => new LogStore(), [id]);
  const [, setCount] = useState(0);
  const timer = useRef(0);
  const update = useCallback(() => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCount((count) => count + 1), DEBOUNCE_MILLISECONDS);
  }, []);
  useEffect(() => () => clearTimeout(timer.current), []);
  return { store, update };
}
