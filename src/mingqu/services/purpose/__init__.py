"""Money bound to a purpose (受托支付, 专款专用): cards, what they may pay, the car behind one."""
