/** The sources of projects without a Git repository, as their repository URLs name them. */

/** The repository URL of a project that is deployed from folders. */
export const FOLDER = "archive:";

const IMAGE = "image:";

/** Return the image that a repository URL names, or null. */
export const imageOf = (url) => (url.startsWith(IMAGE) ? url.slice(IMAGE.length) : null);

/** Return an image without its digest. */
export const shortImage = (image) => image.split("@")[0];

/** Return the repository URL for an image, which may have the prefix already. */
export const urlOfImage = (image) => IMAGE + (imageOf(image) ?? image);
