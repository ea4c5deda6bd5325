/** The targets of deployments. */

const PREVIEW = "preview:";
const DATABASE = "database:";

/** Return true if the deployment is a preview. */
export const isPreview = ({ target }) => target.startsWith(PREVIEW);

/** Return the name of the database whose server the deployment runs, or null. */
export const databaseOf = ({ target }) => (target.startsWith(DATABASE) ? target.slice(DATABASE.length) : null);
