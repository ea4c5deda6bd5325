/** Lists of deployments that update themselves. */
import { useDeploymentEvents } from "../../lib/events.js";

/**
 * Update the deployments of a list as they change, and reload it for new ones.
 *
 * @param {object} project only its deployments are of interest
 * @param {object} list a page of deployments, from useResource
 */
export function useLiveList(project, list) {
  const onChange = (deployment) => {
    if (deployment.project_id !== project.id) return undefined;
    const isListed = list.data?.data.some(({ id }) => id === deployment.id);
    if (!isListed) return list.reload();
    const replace = (each) => (each.id === deployment.id ? deployment : each);
    return list.set((page) => ({ ...page, data: page.data.map(replace) }));
  };
  useDeploymentEvents({ onChange, onReconnect: list.reload });
}
