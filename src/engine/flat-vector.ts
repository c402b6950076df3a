/**
 * Flat vectors in shared memory that TensorFlow can use as they are. It takes memory over without a copy only when it
 * is aligned to 64 bytes; V8 aligns a growable buffer to a page, any other to 16 bytes only. (It never grows here.)
 */
export function allocateFlatVector(size: number): Float32Array {
  const bytes = Math.max(size, 1) * Float32Array.BYTES_PER_ELEMENT;
  return new Float32Array(new GrowableBuffer(bytes, { maxByteLength: bytes }), 0, size);
}

// ES2024; Node 20 has it, the library types of ES2023 do not.
const GrowableBuffer = SharedArrayBuffer as new (bytes: number, options: { maxByteLength: number }) => SharedArrayBuffer;
