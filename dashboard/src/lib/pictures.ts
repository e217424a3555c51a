/** Pictures as measures: their light on a grid, or their colours as weighted points. */

export interface Pixels {
  width: number;
  height: number;
  /** Red, green, blue, opacity of each pixel, 0 to 255, row by row. */
  data: Uint8ClampedArray;
}

export type Sort = "light" | "dark" | "colours";

export const PICTURE = /\.(png|jpe?g|webp|gif|bmp)$/i;

/** Read by the browser, at most `most` pixels wide and high. */
export async function pixelsOf(file: Blob, most: number): Promise<Pixels> {
  const bitmap = await createImageBitmap(file).catch(() => {
    throw new Error("This is no picture that the browser can read: PNG, JPEG, WebP, GIF.");
  });
  const scale = Math.min(1, most / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale))];
  const pen = new OffscreenCanvas(width, height).getContext("2d");
  if (!pen) throw new Error("This browser draws no pictures.");
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, width, height);
  return { width, height, data: pen.getImageData(0, 0, width, height).data };
}

/** Luminance (Rec. 709) of each pixel, times its opacity, in [0, 1]; or the want of it. */
export function light(pixels: Pixels, dark: boolean): number[][] {
  return Array.from({ length: pixels.height }, (_, i) =>
    Array.from({ length: pixels.width }, (_, j) => {
      const [r = 0, g = 0, b = 0, alpha = 255] = pixels.data.subarray(4 * (i * pixels.width + j));
      const value = (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
      return Math.round(1e4 * (dark ? 1 - value : value) * (alpha / 255)) / 1e4;
    }),
  );
}

/** At most `count` colours with the share of pixels that each stands for (median cut; Heckbert 1982). Colours are in [0, 1]. */
export function palette(pixels: Pixels, count: number): { colours: number[][]; weights: number[] } {
  const all: number[][] = [];
  for (let k = 0; k < pixels.data.length; k += 4) if ((pixels.data[k + 3] ?? 0) > 127) all.push([...pixels.data.subarray(k, k + 3)]);
  if (all.length === 0) throw new Error("The picture has no pixel that is not transparent.");
  const boxes = [all];
  while (boxes.length < count) {
    let widest = { box: -1, channel: 0, spread: 0 };
    boxes.forEach((box, k) => {
      for (const channel of [0, 1, 2]) {
        const [low, high] = box.reduce<[number, number]>(([a, b], one) => [Math.min(a, one[channel] ?? 0), Math.max(b, one[channel] ?? 0)], [255, 0]);
        const spread = (high - low) * Math.sqrt(box.length);
        if (spread > widest.spread) widest = { box: k, channel, spread };
      }
    });
    const box = boxes[widest.box];
    if (!box) break;
    box.sort((a, b) => (a[widest.channel] ?? 0) - (b[widest.channel] ?? 0));
    boxes.splice(widest.box, 1, box.slice(0, box.length >> 1), box.slice(box.length >> 1));
  }
  return {
    colours: boxes.map((box) => [0, 1, 2].map((channel) => Math.round((1e4 * box.reduce((sum, one) => sum + (one[channel] ?? 0), 0)) / box.length / 255) / 1e4)),
    weights: boxes.map((box) => box.length / all.length),
  };
}

/** The transport problem from one picture to another. */
export function problem(first: Pixels, second: Pixels, sort: Sort, count: number): Record<string, unknown> {
  if (sort !== "colours") {
    const [A, B] = [light(first, sort === "dark"), light(second, sort === "dark")];
    for (const [name, image] of [["first", A], ["second", B]] as const)
      if (!image.some((row) => row.some((value) => value > 0))) throw new Error(`The ${name} picture is all ${sort === "dark" ? "white" : "black"}: there is nothing to move.`);
    return { kind: "transport", A, B };
  }
  const [a, b] = [palette(first, count), palette(second, count)];
  return { kind: "transport", x: a.colours, y: b.colours, a: a.weights, b: b.weights, normalize: true };
}
