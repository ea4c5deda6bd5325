/** The action buttons of a deployment page. */
import { html, useState } from "../../lib/html.js";
import { cacheResource } from "../../lib/resource.js";
import { navigate } from "../../lib/router.js";
import { Button, isFinal } from "../../lib/ui.js";
import { useDeploymentActions } from "../project/deployment_actions.js";

const PRIMARY = new Set(["retry", "promote", "start"]);

/**
 * @param {{deployment: object, project: object, show: (deployment: object) => unknown,
 *   refresh: () => unknown}} props `show` displays a newer state of the deployment; `refresh`
 *   reloads it after an action was rejected
 */
export function Actions({ deployment, project, show, refresh }) {
  const [isCancelling, setIsCancelling] = useState(false);
  const onDone = (result) => (result.id === deployment.id ? show(result) : goTo(result));
  const { actionsFor, dialog } = useDeploymentActions({ project, onDone });

  const cancel = async (select) => {
    setIsCancelling(true);
    try {
      await select();
    } catch (error) {
      setIsCancelling(false);
      refresh();
      throw error;
    }
  };
  const buttons = actionsFor(deployment).map(({ name, label, shortLabel, icon, isDangerous, onSelect }) => {
    const kind = isDangerous ? "danger" : PRIMARY.has(name) ? "primary" : "plain";
    const isCancel = name === "cancel";
    return html`
      <${Button} key=${name} ...${{ kind, icon }} title=${label} isBusy=${isCancel && isCancelling && !isFinal(deployment.status)} onClick=${isCancel ? () => cancel(onSelect) : onSelect}>
        ${shortLabel}
      <//>
    `;
  });
  return html`${buttons}${dialog}`;
}

function goTo(deployment) {
  cacheResource(`/deployments/${deployment.id}`, deployment);
  navigate(`/deployments/${deployment.id}`);
}
