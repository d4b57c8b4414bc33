export * as layout from './generated/layout.ts';
