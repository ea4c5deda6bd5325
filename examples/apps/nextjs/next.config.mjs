/** @type {import("next").NextConfig} */
const config = { poweredByHeader: false, outputFileTracingRoot: import.meta.dirname };

export default config;
