import { BadRequestException, Body, Controller, Get, Post } from '@nestjs/common';
import { Session, type HttpSession } from 'nestjs-redis-session';
import { CartItemPipe } from './cart-item.pipe.js';
import { addToCart, isTooMuch, MOST_ITEMS, MOST_OF_ONE, type Cart, type CartItem } from './cart.js';

const EMPTY: Cart = { items: [] };

@Controller('cart')
export class CartController {
  @Get()
  show(@Session('cart') cart: Cart = EMPTY): Cart {
    return cart;
  }

  @Post()
  add(@Session() session: HttpSession, @Body(CartItemPipe) item: CartItem): Cart {
    const cart = addToCart(session.cart ?? EMPTY, item);
    if (isTooMuch(cart)) throw new BadRequestException(`A cart holds at most ${MOST_ITEMS} different things, and ${MOST_OF_ONE} of each.`);
    session.cart = cart;
    return cart;
  }
}
