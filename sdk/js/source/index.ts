/** SmolHog's SDK for web pages. */
import { Smolhog } from "./client";

export type { Options } from "./client";
export type { Properties, Rejection, SmolhogEvent } from "./event";
export { Smolhog };

/** The page's client. */
export const smolhog = new Smolhog();
export default smolhog;
