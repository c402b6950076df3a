/** The picture at the foot of a terminal, as a terminal shows it. */
import { expect, it, onTestFinished } from "vitest";
import { LiveTerminal } from "../../../src/cli/live-terminal.ts";
import { Screen } from "../../screen.ts";

/** A terminal, the view on it and what the view shows. */
function stage(columns: number, rows: number, picture: string[]) {
  const screen = new Screen(columns, rows);
  let output = "";
  let writes = 0;
  const terminal = {
    columns,
    rows,
    // A terminal makes a new line of each \n (ONLCR).
    write: (text: string) => {
      output += text.replaceAll("\n", "\r\n");
      writes += 1;
    },
  };
  const shown = { picture };
  const live = new LiveTerminal(terminal, (_, height) => shown.picture.slice(0, height));
  onTestFinished(() => live.close());
  return {
    live,
    shown,
    writes: () => writes,
    lines: async () => {
      await screen.write(output);
      output = "";
      return screen.lines;
    },
    screen,
  };
}

it("lines scroll above, the picture stays below, and the cursor rests under it", async () => {
  const { live, shown, lines, screen } = stage(20, 6, ["picture 1", "of two"]);
  live.draw();
  live.print(["one"]);
  live.print(["two", "three"]);
  expect(await lines()).toEqual(["one", "two", "three", "picture 1", "of two"]);
  shown.picture = ["picture 2", "of two"];
  live.draw();
  live.print(["four", "five", "six"]);
  expect(await lines()).toEqual(["one", "two", "three", "four", "five", "six", "picture 2", "of two"]);
  expect(screen.cursor).toEqual({ x: 0, y: 5 });
});

it("a picture that shrinks leaves nothing behind", async () => {
  const { live, shown, lines } = stage(20, 8, ["a long line", "b", "c"]);
  live.draw();
  shown.picture = ["short"];
  live.draw();
  expect(await lines()).toEqual(["short"]);
});

it("a line wider than the terminal is wrapped by it, also one that fills it exactly", async () => {
  const { live, lines } = stage(10, 8, ["picture"]);
  live.draw();
  live.print(["0123456789", "0123456789abcdef", "人民人民人民"]);
  live.draw();
  expect(await lines()).toEqual(["0123456789", "0123456789abcdef", "人民人民人民", "picture"]);
});

it("an unchanged picture is not drawn again", () => {
  const { live, writes } = stage(20, 8, ["same"]);
  live.draw();
  live.draw();
  expect(writes()).toBe(1);
});

it("what a model writes cannot steer the terminal", async () => {
  const { live, lines } = stage(40, 8, ["picture"]);
  live.print(["\u001b[2J\u0007\u001b[31mred"]);
  expect(await lines()).toEqual([" [2J  [31mred", "picture"]);
});

it("a terminal made narrower: the picture is drawn where it stood, nothing doubles", async () => {
  const { live, shown, lines, screen } = stage(40, 12, ["x".repeat(39), "y".repeat(39)]);
  live.print(["above"]);
  await lines();
  screen.resize(20, 12);
  shown.picture = ["x".repeat(19), "y".repeat(19)];
  live.resize(20, 12);
  expect(await lines()).toEqual(["above", "x".repeat(19), "y".repeat(19)]);
});

it("a terminal of two rows: one row of picture, lines scroll through", async () => {
  const { live, lines } = stage(20, 2, ["first", "second", "third"]);
  live.draw();
  live.print(["one", "two", "three"]);
  expect(await lines()).toEqual(["one", "two", "three", "first"]);
});

it("closed: the picture stays, what follows stands below it", async () => {
  const { live, lines, screen } = stage(20, 8, ["picture"]);
  live.print(["one"]);
  live.close();
  await lines();
  await screen.write("finished\r\n");
  expect(screen.lines).toEqual(["one", "picture", "finished"]);
});
