"""Who somebody is: sign-in, real name, own cards and wallets, the business of one's own, what is noted of them."""
