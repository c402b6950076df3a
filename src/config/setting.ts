/** One value given to one option, with the place it was given at, so that an error can point there. */

export interface Setting {
  /** The key as it was written, for example `step.leaves`. */
  readonly path: string;
  /** As YAML or JSON would read it; whether it fits the option is checked when settings are resolved. */
  readonly value: unknown;
  readonly place: Place;
}

export interface Place {
  /** `run.yaml:3:5`, `--set`, `BABELGRAD_STEP_LEAVES`: what an error starts with. */
  readonly name: string;
  /** The line and a caret under the key, when the place is in a file. */
  readonly excerpt?: string;
  /** Absolute folder that a relative path is relative to. */
  readonly folder: string;
}

/** `what` at its place: name in front, line and caret below. */
export function locate(place: Place, what: string): string {
  return `${place.name}: ${what}${place.excerpt === undefined ? "" : `\n${place.excerpt}`}`;
}
