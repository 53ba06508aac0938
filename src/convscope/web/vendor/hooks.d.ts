// The hooks that the page uses, as types.
export function useState<T>(start: T | (() => T)): [T, (next: T | ((now: T) => T)) => void];
export function useEffect(run: () => void | (() => void), keys?: readonly unknown[]): void;
export function useLayoutEffect(run: () => void | (() => void), keys?: readonly unknown[]): void;
export function useMemo<T>(make: () => T, keys: readonly unknown[]): T;
export function useCallback<T>(run: T, keys: readonly unknown[]): T;
export function useRef<T>(start: T): { current: T };
export function useRef<T>(start: T | null): { current: T | null };
