import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';
import { MOST_OF_ONE, type CartItem } from './cart.js';

/** Not blank at either end, nothing invisible. */
const SKU = /^(?!\s)\P{C}{1,64}(?<!\s)$/u;

@Injectable()
export class CartItemPipe implements PipeTransform<unknown, CartItem> {
  transform(body: unknown): CartItem {
    const { sku, quantity } = Object(body) as Record<keyof CartItem, unknown>;
    if (typeof sku !== 'string' || !SKU.test(sku)) throw new BadRequestException('"sku" must be a text of 1 to 64 characters.');
    if (!isQuantity(quantity)) throw new BadRequestException(`"quantity" must be a whole number from 1 to ${MOST_OF_ONE}.`);
    return { sku, quantity };
  }
}

function isQuantity(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MOST_OF_ONE;
}
