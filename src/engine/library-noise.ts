/**
 * What TensorFlow's libraries write to standard error while they are loaded, whatever one asks of them: no variable
 * silences messages from before their log is set up. Warnings and errors are no noise.
 */

const announcement = "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR";
/** A line of absl's log of severity "info", with the date that it has before set-up. */
const information = /^I0000 \d\d:\d\d:\d+\.\d+ +\d+ [\w.-]+\.cc:\d+\] /;

export function isLibraryNoise(line: string): boolean {
  return line === announcement || information.test(line);
}
