/** A project that waits for its first deployment: its repository, the plan, and the button. */
import { api } from "../../lib/api.js";
import { html, useCallback, useEffect, useRef, useState } from "../../lib/html.js";
import { useResource } from "../../lib/resource.js";
import { navigate } from "../../lib/router.js";
import { Button, Card, Confirm, Facts, PageHead, Problem, Skeleton, toast } from "../../lib/ui.js";
import { DeployKey } from "./deploy-key.js";
import { NeededEnv } from "./env.js";
import { Overrides } from "./overrides.js";
import { Plan, Planning } from "./plan.js";
import { RepositoryForm, isSsh } from "./repository.js";

export function Setup({ id }) {
  const project = useResource(`/projects/${id}`);
  const plan = usePlan(id);
  const isKeyed = project.data && isSsh(project.data.repo_url);
  const isAsked = useRef(false);

  useEffect(() => {
    // Over ssh nothing can be read before the key is where it belongs.
    if (!project.data || isKeyed || isAsked.current) return;
    isAsked.current = true;
    plan.ask();
  }, [project.data, isKeyed]);

  if (project.error && !project.data) return html`<${Problem} error=${project.error} retry=${project.reload} />`;
  if (!project.data) return html`<${Skeleton} lines=${4} height=${56} />`;

  const change = async (changes) => {
    project.set(await api.patch(`/projects/${id}`, changes));
    if (!isKeyed || plan.data || plan.error) plan.ask();
  };
  return html`
    <${PageHead} title=${project.data.name} windowTitle=${`${project.data.name}: before the first deployment`} back=${{ to: "/", label: "Projects" }} />
    <div class="stack loose">
      <${Repository} project=${project.data} onChange=${change} />
      ${isKeyed && html`<${DeployKey} id=${id} isUsed=${Boolean(plan.data)} isBusy=${plan.isAsking} onAdded=${plan.ask} />`}
      ${plan.isAsking && html`<${Planning} project=${project.data} />`}
      ${plan.error && html`<${NotPlanned} error=${plan.error} retry=${plan.ask} />`}
      ${plan.data && html`<${Plan} plan=${plan.data} /><${NeededEnv} id=${id} env=${plan.data.env} onSet=${plan.ask} />`}
      ${(plan.last || plan.error) && html`<${Overrides} project=${project.data} plan=${plan.last} onChange=${change} />`}
      <${Deploy} project=${project.data} plan=${plan} />
    </div>
  `;
}

/** The plan of a project, each time it is asked for; `last` is the one before, until then. */
function usePlan(id) {
  const [state, setState] = useState({ data: null, error: null, isAsking: false, last: null });
  const asking = useRef(null);
  useEffect(() => () => asking.current?.abort(), []);
  const ask = useCallback(async () => {
    asking.current?.abort();
    const own = new AbortController();
    asking.current = own;
    setState(({ last }) => ({ data: null, error: null, isAsking: true, last }));
    try {
      const data = await api.post(`/projects/${id}/plan`, undefined, { signal: own.signal });
      setState({ data, error: null, isAsking: false, last: data });
    } catch (error) {
      if (own.signal.aborted) return;
      setState(({ last }) => ({ data: null, error, isAsking: false, last }));
    }
  }, [id]);
  return { ...state, ask };
}

function Repository({ project, onChange }) {
  const [isChanging, setIsChanging] = useState(false);
  const submit = async (changes) => {
    await onChange(changes);
    setIsChanging(false);
  };
  if (isChanging) {
    return html`
      <${Card} title="Repository">
        <${RepositoryForm} project=${project} action="Save, and look again" onSubmit=${submit}>
          <${Button} kind="quiet" onClick=${() => setIsChanging(false)}>Leave it as it is<//>
        <//>
      <//>
    `;
  }
  const actions = html`<${Button} size="small" onClick=${() => setIsChanging(true)}>Change<//>`;
  const access = isSsh(project.repo_url) ? "Deploy key" : project.has_git_token && "Access token";
  return html`
    <${Card} title="Repository" actions=${actions}>
      <${Facts}
        facts=${[
          ["Address", html`<code>${project.repo_url}</code>`],
          ["Branch", html`<code>${project.branch}</code>`],
          ["Directory", project.root_dir && html`<code>${project.root_dir}</code>`],
          ["Opened by", access],
        ]}
      />
    <//>
  `;
}

function NotPlanned({ error, retry }) {
  return html`
    <${Problem} title="There is no plan yet." error=${error} retry=${retry}>
      ${error.code === "plan_failed" && html`<p>Correct the repository above or the settings below, or the code itself, and look again.</p>`}
    <//>
  `;
}

/** What is left to do, always in sight. */
function Deploy({ project, plan }) {
  const [isDiscarding, setIsDiscarding] = useState(false);
  const [error, setError] = useState(null);
  const key = useRef(newKey());
  const missing = plan.data?.env.missing ?? [];

  const deploy = async () => {
    setError(null);
    try {
      const deployment = await api.post("/deployments", { project_id: project.id }, { idempotencyKey: key.current });
      navigate(`/deployments/${deployment.id}`, { replace: true });
    } catch (found) {
      setError(found);
    }
  };
  const discard = async () => {
    await api.delete(`/projects/${project.id}`);
    toast.say(`The project ${project.name} was deleted.`);
    navigate("/", { replace: true });
  };
  return html`
    ${error && html`<${Problem} title="Nothing was deployed." error=${error} />`}
    <div class="deploy-bar">
      <p class="hint">${missing.length ? `Set ${missing.join(", ")} first.` : "You can leave: the project waits in your list until you deploy it."}</p>
      ${project.status === "inactive" && html`<${Button} kind="quiet" onClick=${() => setIsDiscarding(true)}>Delete<//>`}
      <${Button} kind="primary" disabled=${!plan.data || missing.length > 0} onClick=${deploy}>Deploy<//>
    </div>
    ${
      isDiscarding &&
      html`<${Confirm} title="Delete this project?" action="Delete it" onConfirm=${discard} onClose=${() => setIsDiscarding(false)}>
        <p>${project.name} has never been deployed. Its settings and env vars are deleted, your repository stays as it is.</p>
      <//>`
    }
  `;
}

/** By which the same press, sent twice, makes one deployment. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
